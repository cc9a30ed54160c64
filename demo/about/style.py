"""How the tab "About" looks."""

CSS = """
#fc-about, #fc-about .html-container { padding: 0; }
.fc-about { display: grid; gap: 30px; padding: 6px 0 12px; }
.fc-about section { min-width: 0; }
.fc-about h2 { font-size: 21px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; margin: 0 0 10px;
  color: var(--body-text-color); }
.fc-about h3 { font-size: 15px; font-weight: 600; margin: 0 0 8px; color: var(--body-text-color); }
.fc-about p, .fc-about li { font-size: 16px; line-height: 1.55; max-width: 75ch; margin: 0;
  color: var(--body-text-color); overflow-wrap: anywhere; }
.fc-about p + p, .fc-about li + li { margin-top: 6px; }
.fc-about ul { margin: 0; padding-left: 20px; list-style: disc; }
.fc-about .fc-note, .fc-about figcaption, .fc-about .fc-digest { font-size: 14px; line-height: 1.5;
  color: var(--body-text-color-subdued); }
.fc-about .fc-table { overflow-x: auto; margin: 14px 0 10px; }
.fc-about .fc-table:focus-visible { outline: 3px solid var(--fc-different); outline-offset: 2px; }
.fc-about table { border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; min-width: 100%; }
.fc-about th, .fc-about td { text-align: left; padding: 8px 18px 8px 0; font-weight: 400;
  border-bottom: 1px solid var(--border-color-primary); color: var(--body-text-color); }
.fc-about td { white-space: nowrap; }
.fc-about thead th { font-size: 14px; color: var(--body-text-color-subdued); white-space: nowrap; }
.fc-plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 24px; margin-top: 22px; }
.fc-plots figure { margin: 0; }
.fc-plots img { width: 100%; height: auto; margin: 0; border-radius: 8px; }
.fc-plots figcaption { margin-top: 8px; }
.fc-plots .fc-dark, .dark .fc-plots .fc-light { display: none; }
.dark .fc-plots .fc-dark { display: block; }
@media (max-width: 640px) { .fc-plots { grid-template-columns: minmax(0, 1fr); } }
"""
