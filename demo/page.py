"""The page: which parts it has, and the server behind it."""

import os
from pathlib import Path

import gradio as gr
import torch
from starlette.middleware import Middleware

from demo import examples, tabs, text, text_models, zero_gpu
from demo.about import style as about_style
from demo.about import tab as about_tab
from demo.about import text as about_text
from demo.api import tools
from demo.api.endpoints import endpoints
from demo.api.probes import BusyInWords, Health
from demo.api.tools import CheckTools
from demo.blocks import Page
from demo.choices import model_choice
from demo.compare import tab
from demo.comparer import Comparer
from demo.memory import start_giving_back
from demo.models import Models, load
from demo.options import Options
from demo.pair_list import style as list_style
from demo.pair_list import tab as list_tab
from demo.pair_list import text as list_text
from demo.pair_list.memory import Memory
from demo.pair_list.work import ListScorer
from demo.photo_set import style as set_style
from demo.photo_set import tab as set_tab
from demo.photo_set import text as set_text
from demo.safety import SWEEP_AGE, SWEEP_EVERY, RefuseRemoteFiles, StayOnThisHost, start_sweeping
from demo.theme import CSS, HEAD, theme
from facecore.errors import FacecoreError
from facecore.pretrained import bundled_models
from facecore.recognizer import one_thread_per_photo


class StartError(Exception):
    """The page cannot be started; the message says why and what to do."""


def build(models: Models, folder: Path, uploads: Path, unpacked: Path) -> gr.Blocks:
    """The page, ready to be launched.

    Args:
        models: compare the photos.
        folder: where the example photos are written.
        uploads: where Gradio keeps files, and from where it serves them.
        unpacked: where zips are unpacked, and from where nothing is served.
    """
    memory = Memory()
    memory.start_forgetting()
    scorer = ListScorer(models, unpacked, memory)
    pairs = examples.make(folder)
    compare = Comparer(models, uploads)
    for offer in models:  # so that the first visitor finds everything loaded
        compare({"path": str(pairs.same[0])}, {"path": str(pairs.same[1])}, model=offer.name)
    page = Page(title=text.TITLE, analytics_enabled=False, delete_cache=(SWEEP_EVERY, SWEEP_AGE))
    with page:
        gr.Markdown(f"# {text.TITLE}\n{text.INTRODUCTION}", elem_id="fc-head")
        model = model_choice(models)
        with gr.Tabs(elem_id="fc-tabs", overflow_behavior="wrap"):
            with gr.Tab(text.TWO_PHOTOS):
                tab(compare, pairs, model)
            with gr.Tab(set_text.TAB):
                set_tab.tab(set_tab.sorter(models, uploads), model)
            with gr.Tab(list_text.TAB):
                list_tab.tab(list_tab.list_scorer(scorer, uploads), scorer.limits, model)
            with gr.Tab(about_text.TAB):
                about_tab.tab(models, model)
        endpoints(models, model)
        limits = (*text.LIMITS, text_models.licences({offer.name: offer.licence for offer in models}))
        gr.Markdown("\n".join(f"- {limit}" for limit in limits), elem_id="fc-limits")
    return page


def serve(folder: Path, options: Options) -> None:
    """Answer until interrupted.

    Args:
        folder: holds all files of this process; Gradio's (GRADIO_TEMP_DIR) must lie in it.
        options: what was asked for.

    Raises:
        StartError: the model cannot be used, nothing can listen there, or a package is missing.
    """
    uploads, unpacked = Path(os.environ["GRADIO_TEMP_DIR"]), folder / "unpacked"
    # Photos, and comparisons, already run side by side. More threads inside each would wait for one another: with one
    # core busy elsewhere, two crops took 28 ms through the network in one thread and 600 ms in two.
    one_thread_per_photo()
    torch.set_num_threads(1)
    if options.mcp and (missing := tools.missing()):
        raise StartError(missing)
    try:
        models = load(options.models or bundled_models())
        for offer in models:
            zero_gpu.use(offer.recognizer)
        page = build(models, folder / "examples", uploads, unpacked)
    except FacecoreError as error:
        raise StartError(str(error)) from error
    page.queue(max_size=options.queue_size, api_open=False)  # so that no call gets around how many run at once
    start_sweeping(uploads)
    start_sweeping(unpacked)
    start_giving_back()
    try:
        _, url, _ = page.launch(
            server_name=options.host,
            server_port=options.port,
            root_path=options.root_path,
            auth=list(options.accounts) or None,
            mcp_server=options.mcp,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            show_error=False,
            ssr_mode=False,
            pwa=False,
            run_history=False,
            enable_monitoring=False,
            footer_links=[],
            max_file_size="200mb",
            state_session_capacity=100,  # sessions remember the last result, and this page has no use for that
            theme=theme(),
            css=CSS + tabs.CSS + set_style.CSS + list_style.CSS + about_style.CSS,
            head=HEAD,
            app_kwargs={
                "middleware": [
                    Middleware(Health, models=models.names),
                    Middleware(BusyInWords),
                    Middleware(CheckTools),
                    Middleware(RefuseRemoteFiles, uploads=uploads),
                    Middleware(StayOnThisHost),
                ]
            },
        )
    except OSError as error:
        raise StartError(text.port_taken(options.host or "127.0.0.1", options.port)) from error
    if page.mcp_server_obj is not None:
        tools.mend(page.mcp_server_obj)
    print(text.running(url), flush=True)
    try:
        page.block_thread()
    finally:
        page.close(verbose=False)
