"""Every sentence of app.py's command line."""

DESCRIPTION = (
    "Compare photos in the browser. What the command line leaves open comes from the environment variables that are "
    "named with each option."
)
HOST = "address to listen on, 0.0.0.0 for everywhere (GRADIO_SERVER_NAME; default: this machine alone)"
PORT = "GRADIO_SERVER_PORT; default: the first free one from 7860"
MODEL = (
    "bundled models or model directories; of several a visitor chooses one, and the first is chosen at the start "
    "(FACECORE_MODEL, with commas between them; default: all bundled ones)"
)
AUTH = (
    "ask visitors for this name and password (FACECORE_AUTH). On the command line others on this machine can read it "
    "in the list of processes: prefer the variable or --auth-file"
)
AUTH_FILE = (
    "a file with a line USER:PASSWORD for each visitor; lines that begin with # are left out (FACECORE_AUTH_FILE)"
)
ROOT_PATH = "where a reverse proxy puts the page, such as /faces (GRADIO_ROOT_PATH)"
MCP = "offer the endpoints to language models as MCP tools, too; needs gradio[mcp] (GRADIO_MCP_SERVER; default: no)"
PORT_RANGE = "is no port: give a number from 0 to 65535"
QUEUE_RANGE = "is no size of a queue: give a number from 1 to 100000"
AUTH_FORM = "the password cannot be used: give it in the form USER:PASSWORD"
AUTH_FILE_UNREADABLE = "the file of --auth-file cannot be read"
AUTH_FILE_EMPTY = "the file of --auth-file holds no line USER:PASSWORD"
ROOT_PATH_FORM = "--root-path begins with a slash, such as /faces, or is the whole address, such as https://HOST/faces"
MCP_AND_AUTH = (
    "--mcp and a password do not go together: MCP clients cannot log in, so the tools would be open to anybody. Leave "
    "one of them out, or let a reverse proxy ask for the password"
)
MCP_MISSING = "--mcp needs a package that is not installed: pip install 'gradio[mcp]'"
MCP_TOO_NEW = "--mcp cannot use the installed package mcp: pip install 'gradio[mcp]' 'mcp<2'"


def queue_size(default: int) -> str:
    """Help of --queue-size."""
    return f"how many calls may wait before visitors are told that the page is busy (FACECORE_QUEUE_SIZE; {default})"
