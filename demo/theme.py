"""How the page looks: colours, type and layout, for light and dark. Fonts are those of the visitor's system."""

import gradio as gr
from gradio.themes import sizes
from gradio.themes.utils import colors

from demo.theme_result import RESULT_CSS

_INK = colors.Color(
    name="ink",
    c50="#f7f7f8",
    c100="#eeeff1",
    c200="#dfe1e5",
    c300="#c5c9d0",
    c400="#9096a2",
    c500="#676e7b",
    c600="#4b515d",
    c700="#383d47",
    c800="#24282f",
    c900="#171a1f",
    c950="#0f1115",
)


def theme() -> gr.themes.Base:
    """A quiet theme: one neutral hue, so that the verdict is the only colour on the page."""
    plain = gr.themes.Base(
        primary_hue=_INK,
        secondary_hue=_INK,
        neutral_hue=_INK,
        text_size=sizes.text_md,
        radius_size=sizes.radius_lg,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )
    return plain.set(
        body_background_fill="white",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="*neutral_50",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_label_text_weight="600",
        block_shadow="none",
        button_primary_background_fill="*neutral_900",
        button_primary_background_fill_hover="*neutral_700",
        button_primary_background_fill_dark="*neutral_100",
        button_primary_background_fill_hover_dark="white",
        button_primary_text_color="white",
        button_primary_text_color_dark="*neutral_900",
        button_primary_border_color="transparent",
        button_primary_border_color_dark="transparent",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_secondary_text_color="*neutral_800",
        button_secondary_text_color_dark="*neutral_200",
    )


# Gradio puts a prefix before each selector of CSS, by which it reaches only what lies inside the page's main column;
# the column itself is reached from the head. The head comes late: it may change what lies in `.main`, but moving that
# itself would be a jump. Parts come one after the other while the page loads, and stay unseen until
# all are there, so that nothing jumps.
HEAD = """<style>
.gradio-container > .main.app { padding: 0; }
.gradio-container > .main.app > .wrap:not(.translucent) { max-width: 976px; box-sizing: border-box; margin: 0 auto;
  padding: clamp(20px, 4vw, 44px) 24px 32px; }
.gradio-container > .main.app > .wrap > main { margin: 0; }
.main > .wrap.translucent { position: fixed !important; inset: 0; width: auto; height: auto; }
.main:has(> .wrap.translucent) main { visibility: hidden; }
.fc-asked #fc-view { min-height: 620px; }
.fc-why-asked #fc-why { min-height: 440px; }
.fc-set-asked #fc-set-view, .fc-list-asked #fc-list-view { min-height: calc(100vh - 20px); }
.gradio-container:not(:has(.fc-scored)) #fc-why-button { display: none; }
@media (max-width: 640px) {
  .gradio-container > .main.app > .wrap:not(.translucent) { padding-left: 16px; padding-right: 16px; }
  .fc-asked #fc-view { min-height: 860px; }
  .fc-why-asked #fc-why { min-height: 620px; }
}
</style>"""

_PAGE_CSS = """
:root { --fc-same: #0f7a54; --fc-different: #5146b8; --fc-uncertain: #9a6100; --fc-problem: #b3261e; }
.dark { --fc-same: #4cc996; --fc-different: #a7a0ff; --fc-uncertain: #e6b04d; --fc-problem: #ff8f86; }

#fc-head h1 { font-size: 34px; line-height: 1.15; letter-spacing: -0.02em; font-weight: 700; margin: 0 0 8px; }
#fc-head p { font-size: 17px; color: var(--body-text-color-subdued); margin: 0; }
#fc-notice { border-left: 3px solid var(--border-color-primary); padding-left: 12px; }
#fc-notice p, .fc-small p, #fc-limits li { font-size: 14px; line-height: 1.5; color: var(--body-text-color-subdued); }
#fc-inputs label[data-testid="block-label"] { background: var(--block-background-fill); border-radius: 0 0 8px 0;
  padding: 4px 10px; }
#fc-compare { width: 100%; font-size: 17px; font-weight: 600; min-height: 48px; }
#fc-compare:focus-visible, #fc-examples button:focus-visible {
  outline: 3px solid var(--fc-different); outline-offset: 2px; }

#fc-strict, #fc-models { gap: 2px; }
#fc-strict .form, #fc-models .form { border: 0; background: transparent; box-shadow: none; }
#fc-strictness, #fc-model { padding: 0; border: 0; background: transparent; }
#fc-strictness .wrap, #fc-model .wrap { gap: 8px; }
#fc-strict input[type="radio"]:focus-visible, #fc-models input[type="radio"]:focus-visible,
#fc-why-button:focus-visible {
  outline: 3px solid var(--fc-different); outline-offset: 2px; }
#fc-cost, #fc-cost .html-container { padding: 0; }
#fc-view, #fc-view .html-container { padding: 0; }
#fc-examples { gap: 10px; margin-top: 8px; }
#fc-examples button { font-weight: 500; font-size: 15px; min-height: 42px;
  border: 1px solid var(--border-color-primary); }
#fc-details { background: transparent; }
#fc-why-button { width: 100%; font-weight: 500; font-size: 15px; min-height: 44px;
  border: 1px solid var(--border-color-primary); }
#fc-why, #fc-why .html-container { padding: 0; }
#fc-limits ul { margin: 0; padding-left: 18px; list-style: disc; }
#fc-limits li::marker { color: var(--body-text-color-subdued); }

@media (max-width: 640px) {
  .fc-input { height: 230px !important; }
  #fc-head h1 { font-size: 27px; }
  #fc-head p { font-size: 16px; }
}
"""

CSS = _PAGE_CSS + RESULT_CSS
