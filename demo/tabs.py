"""How the row of tabs looks, and what all tabs have in common."""

# Screen readers are told what of a result is marked as said, and not all cells of its tables. The element that speaks
# was there before, since what is announced is a change inside of it.
ANNOUNCE = """
const spoken = document.createElement('p');
spoken.className = 'fc-hidden';
spoken.setAttribute('role', 'status');
spoken.setAttribute('aria-live', 'polite');
element.parentElement.appendChild(spoken);
watch('value', () => {
  spoken.textContent = [...element.querySelectorAll('.fc-said')].map(said => said.textContent).join(' ');
});
"""

CSS = """
.fc-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
#fc-tabs button[role="tab"] { font-size: 16px; color: var(--body-text-color-subdued); }
#fc-tabs button[role="tab"][aria-selected="true"] { color: var(--body-text-color); font-weight: 600; }
#fc-tabs button[role="tab"]:focus-visible { outline: 3px solid var(--fc-different); outline-offset: -3px; }
.fc-tab-head p { max-width: 75ch; }
.fc-tab-head p + p { font-size: 14px; color: var(--body-text-color-subdued); }
/* Room for the progress, which lies over a result that is still empty. */
#fc-set-view:has([data-testid="status-tracker"]:not(.hide)),
#fc-list-view:has([data-testid="status-tracker"]:not(.hide)) { min-height: 110px; }
@media (max-width: 640px) {
  #fc-tabs button[role="tab"] { font-size: 14px; padding-left: 8px; padding-right: 8px; }
}
"""
