"""Runs one notebook with a real Jupyter kernel. leat starts it as `python -c`, with its order in $LEAT_NOTEBOOK.

Exit codes are those of src/run/notebook.c. The last line that it prints says what went wrong.
"""
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time

FAILED, NO_CLIENT, NO_KERNEL, BAD_FILE, TOO_SLOW = 1, 64, 65, 66, 67
SAVE_SECONDS = 5


def end(code, line):
    print(line, flush=True)
    sys.exit(code)


try:
    import ipykernel  # noqa: F401: a kernel that cannot be started says less
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config
except ImportError as missing:
    end(NO_CLIENT, f"{sys.executable} cannot run notebooks: {missing}")

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def tags(cell):
    return cell.metadata.get("tags", [])


def first_line(cell):
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    code = [line for line in lines if not line.startswith("#")]
    line = (code or lines or [""])[0]
    return line if len(line) <= 80 else line[:77] + "..."


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            book = nbformat.read(file, as_version=4)
        nbformat.validate(book)
        return book
    except FileNotFoundError:
        end(BAD_FILE, f"there is no notebook '{path}'")
    except Exception as wrong:  # whatever is in the file
        end(BAD_FILE, f"'{path}' is not a notebook: {str(wrong).splitlines()[0]}")


def inject(book, params):
    """As papermill does: behind the cell that is tagged `parameters`, in place of what an earlier run has put there.

    Gives where a cell was added that the author does not know; None: nowhere."""
    if not params:
        return None
    language = book.metadata.get("kernelspec", {}).get("language") or book.metadata.get("language_info", {}).get("name", "python")
    if language != "python":
        end(BAD_FILE, f"'params' work in Python notebooks only, and this one is in {language}")
    source = "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in params.items())])
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    if book.nbformat_minor < 5:
        cell.pop("id", None)
    for at, old in enumerate(book.cells):
        if "injected-parameters" in tags(old):
            book.cells[at] = cell
            return None
    added = next((at + 1 for at, old in enumerate(book.cells) if "parameters" in tags(old)), 0)
    book.cells.insert(added, cell)
    return added


class Client(NotebookClient):
    """Says what a cell prints when it prints it, and keeps the file up to date."""

    executed = None
    added = None
    at = 0
    saved_at = 0.0
    midline = False

    def say(self, text, whole=True):
        text = COLOURS.sub("", text)
        if whole and self.midline:
            text = "\n" + text
        if whole and not text.endswith("\n"):
            text += "\n"
        if text:
            self.midline = not text.endswith("\n")
            sys.stdout.write(text)
            sys.stdout.flush()

    def save(self):
        whole = self.executed + ".new"
        with open(whole, "w", encoding="utf-8") as file:
            nbformat.write(self.nb, file)
        os.replace(whole, self.executed)
        self.saved_at = time.monotonic()

    def output(self, outs, msg, display_id, cell_index):
        made = super().output(outs, msg, display_id, cell_index)
        content = msg["content"]
        if msg["msg_type"] == "stream":
            self.say(content["text"], whole=False)
        elif msg["msg_type"] in ("display_data", "execute_result"):
            self.say(content["data"].get("text/plain", "[" + ", ".join(content["data"]) + "]"))
        return made

    async def async_execute_cell(self, cell, cell_index, **how):
        self.at = cell_index
        is_code = cell.cell_type == "code" and cell.source.strip()
        if is_code:
            self.say(f"--- {self.where()}")
        done = await super().async_execute_cell(cell, cell_index, **how)
        if is_code and time.monotonic() - self.saved_at > SAVE_SECONDS:
            self.save()
        return done

    def where(self):
        """By the numbers of the author's notebook, from 1."""
        if self.at == self.added:
            return "the cell of parameters"
        later = self.added is not None and self.at > self.added
        return f"cell {self.at + 1 - later} ('{first_line(self.nb.cells[self.at])}')"


def run(client):
    """(exit code, line)"""
    try:
        client.execute()
        return 0, None
    except CellExecutionError as wrong:
        outputs = client.nb.cells[client.at].get("outputs", [])
        errors = [one for one in outputs if one.output_type == "error"]
        trace = "\n".join(errors[-1].traceback) if errors else str(wrong)
        client.say(trace)
        said = f"{wrong.ename}: {wrong.evalue}" if wrong.evalue else wrong.ename
        return FAILED, f"{client.where()}: {COLOURS.sub('', said).splitlines()[0]}"
    except CellTimeoutError:
        return TOO_SLOW, f"{client.where()} took longer than cell_timeout, {client.timeout} s"
    except DeadKernelError:
        return FAILED, f"{client.where()}: the kernel died (out of memory, or a crash in native code?)"
    except NoSuchKernel:
        known = sorted(KernelSpecManager().find_kernel_specs())
        return NO_KERNEL, f"there is no kernel '{client.kernel_name}'; there are: {', '.join(known) or 'none'}"


def main():
    order = json.loads(os.environ.pop("LEAT_NOTEBOOK"))
    scratch = tempfile.mkdtemp(prefix="leat-notebook-")
    os.environ["JUPYTER_RUNTIME_DIR"] = scratch
    os.environ.setdefault("IPYTHONDIR", os.path.join(scratch, "ipython"))
    os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")  # or a warning is the first line of each log
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    config = Config()
    config.KernelManager.transport = "ipc"  # no ports; none but this user
    try:
        book = read(order["path"])
        added = inject(book, order["params"])
        name = order["kernel"] or book.metadata.get("kernelspec", {}).get("name") or "python3"
        client = Client(book, config=config, kernel_name=name, timeout=order["cell_timeout"],
                        resources={"metadata": {"path": os.getcwd()}}, store_widget_state=True)
        client.executed, client.added = order["executed"], added
        client.log.disabled = True  # its warnings are told by run()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))  # until nbclient has a handler, which ends the kernel
        try:
            code, line = run(client)
        finally:
            client.save()
        if code:
            client.say(line)
        return code
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


sys.exit(main())
