"""How the tab "A set of photos" looks."""

from demo.photo_set.colours import css

CSS = """
.fc-set { display: grid; gap: 20px; grid-template-columns: minmax(0, 1fr); color: var(--body-text-color); }
.fc-set h2 { font-size: 26px; line-height: 1.2; font-weight: 700; letter-spacing: -0.015em; margin: 0; }
.fc-set h3 { font-size: 15px; font-weight: 600; margin: 0 0 10px; }
.fc-set p { margin: 0; line-height: 1.5; }
.fc-set .fc-set-soft { font-size: 14px; color: var(--body-text-color-subdued); max-width: 75ch; }
.fc-set h2 + p { margin-top: -8px; }
.fc-set .fc-set-problem { padding: 18px 20px; border-radius: 12px; font-size: 17px;
  border: 1px solid color-mix(in srgb, var(--fc-problem) 35%, transparent);
  background: color-mix(in srgb, var(--fc-problem) 7%, var(--body-background-fill)); }
.fc-groups { display: flex; flex-wrap: wrap; gap: 14px; }
.fc-group { padding: 14px 16px; border: 1px solid var(--border-color-primary); border-radius: 12px; min-width: 0; }
.fc-group ul { display: flex; flex-wrap: wrap; gap: 10px; list-style: none; margin: 0; padding: 0; }
.fc-group li { width: 88px; margin: 0; }
.fc-group li img { width: 88px; height: 88px; border-radius: 8px; display: block; margin: 0; }
.fc-group li span { margin-top: 4px; font-size: 12px; line-height: 1.3; color: var(--body-text-color-subdued); }
.fc-group li span, .fc-matrix tbody th > span { display: -webkit-box; -webkit-box-orient: vertical;
  -webkit-line-clamp: 3; overflow: hidden; overflow-wrap: anywhere; }
.fc-unusable ul { margin: 0; padding-left: 18px; list-style: disc; }
.fc-unusable li { margin: 0 0 4px; line-height: 1.5; overflow-wrap: anywhere; }
.fc-legend { display: flex; flex-wrap: wrap; gap: 6px 24px; margin-bottom: 10px; font-size: 13px;
  color: var(--body-text-color-subdued); }
.fc-legend p { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; }
.fc-legend small { font-size: inherit; }
.fc-swatches { display: inline-flex; border-radius: 4px; overflow: hidden; }
.fc-swatches i { width: 14px; height: 14px; display: block; }
.fc-keys svg { width: 13px; height: 13px; display: inline-block; vertical-align: -2px; margin-right: 3px; fill: none;
  stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.fc-matrix { overflow: auto; max-height: 80vh; border: 1px solid var(--border-color-primary); border-radius: 12px; }
.fc-matrix:focus-visible { outline: 3px solid var(--fc-different); outline-offset: 2px; }
.fc-matrix table { border-collapse: separate; border-spacing: 0; margin: 0; width: max-content;
  font-size: 13px; font-variant-numeric: tabular-nums; }
.fc-matrix caption { text-align: left; padding: 10px 12px; font-size: 13px; color: var(--body-text-color-subdued);
  position: sticky; left: 0; max-width: min(60ch, 80vw); white-space: normal; }
.fc-matrix th, .fc-matrix td { border: 0; padding: 0; }
.fc-matrix th { background: var(--body-background-fill); font-weight: 400; color: var(--body-text-color); }
.fc-matrix thead th { position: sticky; top: 0; z-index: 2; padding: 4px 2px 6px; text-align: center;
  vertical-align: bottom; }
.fc-matrix thead th:first-child { left: 0; z-index: 3; }
.fc-matrix tbody th { position: sticky; left: 0; z-index: 1; padding: 2px 10px 2px 8px; text-align: left; }
.fc-matrix thead img { width: 44px; height: 44px; border-radius: 6px; display: block; margin: 0 auto 3px; }
.fc-matrix tbody th img { width: 44px; height: 44px; border-radius: 6px; display: inline-block; vertical-align: middle;
  margin: 0 8px 0 0; }
.fc-matrix tbody th > span { display: -webkit-inline-box; vertical-align: middle; width: 118px; font-size: 12px;
  line-height: 1.2; }
.fc-matrix td { position: relative; width: 52px; min-width: 52px; height: 48px; text-align: center; }
.fc-matrix td svg { position: absolute; left: 50%; bottom: 3px; width: 12px; height: 12px; margin-left: -6px;
  fill: none; stroke: currentColor; stroke-width: 2.4; stroke-linecap: round; stroke-linejoin: round; }
.fc-matrix td.fc-itself { background: repeating-linear-gradient(135deg, transparent 0 5px,
  var(--border-color-primary) 5px 6px); }
.fc-matrix td.fc-top { border-top: 3px solid var(--body-text-color); }
.fc-matrix td.fc-bottom { border-bottom: 3px solid var(--body-text-color); }
.fc-matrix td.fc-left { border-left: 3px solid var(--body-text-color); }
.fc-matrix td.fc-right { border-right: 3px solid var(--body-text-color); }
.fc-set .fc-download, .fc-list .fc-download { display: inline-block; padding: 9px 16px; border-radius: 10px;
  border: 1px solid var(--border-color-primary); color: var(--body-text-color); font-weight: 500; font-size: 15px;
  text-decoration: none; }
.fc-download:hover { background: var(--block-background-fill); }
.fc-download:focus-visible, #fc-set-button:focus-visible { outline: 3px solid var(--fc-different);
  outline-offset: 2px; }
#fc-set-button { font-size: 17px; font-weight: 600; min-height: 48px; }
#fc-set-view, #fc-set-view .html-container { padding: 0; }
#fc-set-view .fc-set { margin-top: 8px; }
@media (max-width: 640px) {
  .fc-set h2 { font-size: 22px; }
  .fc-group { width: 100%; }
  .fc-matrix tbody th > span { width: 18px; max-height: 1.2em; }
  .fc-matrix tbody th b { margin-right: 20px; }
  .fc-matrix thead img, .fc-matrix tbody th img { width: 36px; height: 36px; }
}
"""

CSS += css()
