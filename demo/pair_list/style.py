"""How the tab "A list of pairs" looks."""

CSS = """
.fc-list { display: grid; gap: 12px; grid-template-columns: minmax(0, 1fr); color: var(--body-text-color); }
.fc-list h2 { font-size: 26px; line-height: 1.2; font-weight: 700; letter-spacing: -0.015em; margin: 0; }
.fc-list h3 { font-size: 15px; font-weight: 600; margin: 10px 0 0; }
.fc-list p { margin: 0; line-height: 1.5; max-width: 80ch; }
.fc-list .fc-list-problem, .fc-list .fc-list-note { padding: 18px 20px; border-radius: 12px; font-size: 17px;
  max-width: none; overflow-wrap: anywhere; --fc-colour: var(--body-text-color);
  border: 1px solid color-mix(in srgb, var(--fc-colour) 35%, transparent);
  background: color-mix(in srgb, var(--fc-colour) 7%, var(--body-background-fill)); }
.fc-list .fc-list-problem { --fc-colour: var(--fc-problem); }
.fc-list .fc-files { display: flex; flex-wrap: wrap; gap: 10px; max-width: none; }
.fc-failed { overflow: auto; max-height: 320px; border: 1px solid var(--border-color-primary); border-radius: 12px; }
.fc-failed:focus-visible, .fc-report:focus-visible { outline: 3px solid var(--fc-different); outline-offset: 2px; }
.fc-failed table { width: 100%; margin: 0; border-collapse: collapse; font-size: 14px; }
.fc-failed th, .fc-failed td { padding: 7px 12px; text-align: left; vertical-align: top; font-weight: 400; border: 0;
  border-bottom: 1px solid var(--border-color-primary); overflow-wrap: anywhere; color: var(--body-text-color); }
.fc-failed thead th { position: sticky; top: 0; font-weight: 600; background: var(--body-background-fill); }
.fc-failed tbody tr:last-child > * { border-bottom: 0; }
.fc-failed td:nth-child(2) { font-variant-numeric: tabular-nums; }
.fc-report { width: 100%; height: min(80vh, 900px); border: 1px solid var(--border-color-primary); border-radius: 12px;
  background: var(--body-background-fill); }
#fc-list-button, #fc-list-stop { font-size: 17px; font-weight: 600; min-height: 48px; }
#fc-list-stop { border: 1px solid var(--border-color-primary); }
#fc-list-button:focus-visible, #fc-list-stop:focus-visible { outline: 3px solid var(--fc-different);
  outline-offset: 2px; }
#fc-list-view, #fc-list-view .html-container { padding: 0; }
#fc-list-view .fc-list { margin-top: 8px; }
@media (max-width: 640px) {
  .fc-list h2 { font-size: 22px; }
  .fc-report { height: 75vh; }
}
"""
