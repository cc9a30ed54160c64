"""How often strangers are taken for one person, by age, gender and race."""
