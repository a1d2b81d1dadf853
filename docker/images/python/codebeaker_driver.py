"""Keeps a Python interpreter for one context: docs/contexts.md says what it promises, and how its channel speaks.

The channel is descriptor 3, a socket that no child inherits. What programs print never goes there, and what is written
there is never printed. Started by `python3 -P -c 'import codebeaker_driver'`, so that no file of /workspace takes the
place of a module that is imported here. It imports little before it is ready, because that is what a start waits for.
"""

import builtins
import os
import signal
import sys
from _json import encode_basestring, scanstring
from _thread import allocate_lock, get_ident

CHANNEL = os.dup(3)  # close-on-exec, as all that Python opens
os.close(3)
CELL_NAMES_KEPT = 1000
LONGEST_MESSAGE = 100_000
BINARY_SUFFIXES = ('image/png', 'image/jpeg', 'application/pdf')
REPRS = (
    ('text/html', '_repr_html_'),
    ('text/markdown', '_repr_markdown_'),
    ('text/latex', '_repr_latex_'),
    ('image/svg+xml', '_repr_svg_'),
    ('image/png', '_repr_png_'),
    ('image/jpeg', '_repr_jpeg_'),
    ('application/json', '_repr_json_'),
    ('application/javascript', '_repr_javascript_'),
    ('application/pdf', '_repr_pdf_'),
)

INTERRUPTED = b'{"name":"KeyboardInterrupt","message":"","traceback":"KeyboardInterrupt\\n"}'
LIBRARY = os.path.dirname(os.__file__) + '/'
LOOP_FILE = LIBRARY + 'asyncio/base_events.py'
LOOP_AT_WORK = ('run_forever', 'run_until_complete', 'call_exception_handler')
NOT_OF_CELLS = (LIBRARY, '<frozen ', '<string>', __file__)  # named tuples come from strings

owner = os.getpid()
main_thread = get_ident()
call_system = os.system
main = type(sys)('__main__')
main.__builtins__ = builtins
running = False
postponed = False  # an interrupt that came where an exception would do harm
holding = False  # a task is being made, which nobody could cancel yet
speaking = allocate_lock()
cell = 0  # the id of the one that runs
count = 0
room = 0  # bytes that the results of this cell may still take, less than none when that was told


def send(*messages):
    data = b''.join(messages)
    with speaking:
        while data:
            data = data[os.write(CHANNEL, data) :]
    hear_postponed()


def on_interrupt(signum, frame):
    global postponed
    if not running:
        return
    # Half a message would spoil all that follow. One of another thread is none of this one's.
    if holding or (speaking.locked() and frame.f_code is send.__code__):
        postponed = True
        return
    interrupted_loop = loop_at(frame)
    if interrupted_loop is None:
        raise KeyboardInterrupt
    # It is heard by whatever comes first: a line of a cell, which may be the last for long, or what the loop runs next.
    postponed = True
    if not interrupted_loop.is_closed():
        interrupted_loop.call_soon_threadsafe(hear_postponed)
    while frame is not None and is_of_library(frame):
        frame = frame.f_back
    if frame is not None:
        frame.f_trace = hear_in_cell
    sys.settrace(hear_in_cell)


def loop_at(frame):
    """The event loop that is at work there itself, with no code of a cell within it.

    An exception would cost it what it has in hand, and a task that is never stepped again cannot even be cancelled.
    Its exception handler is what finalizers of tasks call, which swallow exceptions.
    """
    while frame is not None and is_of_library(frame):
        if frame.f_code.co_filename == LOOP_FILE and frame.f_code.co_name in LOOP_AT_WORK:
            return frame.f_locals['self']
        frame = frame.f_back
    return None


def is_of_library(frame):
    return frame.f_code.co_filename.startswith(NOT_OF_CELLS)


def hear_in_cell(frame, event, argument):
    """A trace function, for as long as an interrupt is postponed."""
    if event == 'line':
        hear_postponed()
    return None if is_of_library(frame) else hear_in_cell


def hear_postponed():
    global postponed
    if sys.gettrace() is hear_in_cell:
        sys.settrace(None)
    if postponed and running and get_ident() == main_thread:
        postponed = False
        raise KeyboardInterrupt


def system(command):
    """os.system, whose caller the C library lets hear no interrupt: it ends the command, and so the cell."""
    status = call_system(command)
    if running and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT and get_ident() == main_thread:
        raise KeyboardInterrupt
    return status


def in_child():
    """A child that was forked has this interpreter's memory, but is not this interpreter."""
    os.close(CHANNEL)


class Lines:
    """The lines that come in on the channel."""

    def __init__(self):
        self.parts = []
        self.ready = []

    def next(self):
        while not self.ready:
            data = os.read(CHANNEL, 65536)
            if not data:
                os._exit(0)
            *whole, rest = data.split(b'\n')
            if whole:
                self.parts.append(whole[0])
                self.ready = [b''.join(self.parts), *whole[1:]]
                self.parts = []
            self.parts.append(rest)
        return self.ready.pop(0)


# -- results


def quote(text):
    """A text as JSON in UTF-8, where lone surrogates, which that cannot say, stay escaped."""
    return encode_basestring(text).encode('utf-8', 'backslashreplace')


def as_text(mime, value):
    """The JSON of one representation, or None where it cannot be told."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        value = value[0]  # data and metadata
    if isinstance(value, (bytes, bytearray)):
        if not mime.startswith(BINARY_SUFFIXES):
            return quote(bytes(value).decode('utf-8', 'replace'))
        import binascii

        return quote(binascii.b2a_base64(value, newline=False).decode('ascii'))
    if isinstance(value, str):
        return quote(value)
    if mime != 'application/json' and not mime.endswith('+json'):
        return None
    import json

    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False).encode('utf-8', 'backslashreplace')
    except (TypeError, ValueError, RecursionError):
        return None


def representations(value):
    """Every rich representation that the object offers. One that fails is not offered."""
    if isinstance(value, type) or callable(getattr(value, '_ipython_canary_method_should_not_exist_', None)):
        return
    offer = getattr(value, '_repr_mimebundle_', None)
    if callable(offer):
        try:
            bundle = offer(include=None, exclude=None)
        except Exception:
            bundle = None
        if isinstance(bundle, tuple) and bundle:
            bundle = bundle[0]
        if isinstance(bundle, dict):
            yield from ((mime, data) for mime, data in bundle.items() if isinstance(mime, str))
    for mime, name in REPRS:
        offer = getattr(value, name, None)
        if callable(offer):
            try:
                data = offer()
            except Exception:
                continue
            if data is not None:
                yield mime, data
    figure = sys.modules.get('matplotlib.figure')
    if figure is not None and isinstance(value, figure.Figure):
        yield 'image/png', png_of(value)
        forget_figure(value)


def result_of(value):
    """A message with all representations, the text first. What does not fit is left out, and it says so."""
    global room
    if room < 0:
        return b''
    # The limit is of whole lines: a flood of small results is mostly what is around them.
    left = room - len(line_of([b'"text/plain":""'], True))
    if left < 0:
        room = -1
        return line_of([b'"text/plain":""'], True)
    offers = list(representations(value))
    shown = next((data for mime, data in offers if mime == 'text/plain' and isinstance(data, str)), None)
    if shown is None:
        shown = repr(value)
    text = quote(shown)
    if len(text) - 2 > left:
        room = -1
        return line_of([b'"text/plain":' + beginning_of(shown, left)], True)
    left -= len(text) - 2
    pieces = [b'"text/plain":' + text]
    truncated = False
    seen = {'text/plain'}
    for mime, data in offers:
        text = None if mime in seen else as_text(mime, data)
        if text is None:
            continue
        seen.add(mime)
        piece = quote(mime) + b':' + text
        if len(piece) + 1 > left:
            truncated = True
            continue
        left -= len(piece) + 1
        pieces.append(piece)
    line = line_of(pieces, truncated)
    room -= len(line)
    return line


def line_of(pieces, truncated):
    return b'{"id":%d,"result":{%s}%s}\n' % (cell, b','.join(pieces), b',"truncated":true' if truncated else b'')


def beginning_of(text, left):
    """The JSON of as much of a text as there is room for between the quotes."""
    size, end, step = 0, 0, 65536
    while step:
        more = len(quote(text[end : end + step])) - 2
        if end < len(text) and size + more <= left:
            size += more
            end += step
        else:
            step //= 2
    return quote(text[:end])


def display(*values):
    """Shows values as the last expression of a cell is shown, as results of their own."""
    if os.getpid() != owner or not running:
        return
    for value in values:
        send(result_of(value))


# -- matplotlib: this module is its backend, so that figures need neither a window nor a call of show


def png_of(figure):
    import io

    picture = io.BytesIO()
    figure.savefig(picture, format='png', bbox_inches='tight')
    return picture.getvalue()


def forget_figure(figure):
    plots = sys.modules.get('matplotlib.pyplot')
    if plots is not None:
        plots.close(figure)


def show_figures():
    plots = sys.modules.get('matplotlib.pyplot')
    if plots is None:
        return
    for number in plots.get_fignums():
        display(plots.figure(number))
    # One that there was no room for is not to come with the next cell.
    plots.close('all')


def unseen_figures(failure):
    """What a cell has drawn before it failed: the next one has no part in it."""
    plots = sys.modules.get('matplotlib.pyplot')
    if plots is None:
        return b''
    try:
        # Whoever was interrupted is to end, and to draw may take long.
        numbers = [] if isinstance(failure, KeyboardInterrupt) else plots.get_fignums()
        return b''.join(result_of(plots.figure(number)) for number in numbers)
    except Exception:
        return b''
    finally:
        plots.close('all')


def __getattr__(name):
    if name != 'FigureCanvas':
        raise AttributeError(name)
    from matplotlib.backend_bases import FigureManagerBase
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    class FigureManager(FigureManagerBase):
        @classmethod
        def pyplot_show(cls, *, block=None):
            show_figures()

    class FigureCanvas(FigureCanvasAgg):
        manager_class = FigureManager

    return globals().setdefault(name, FigureCanvas)


# -- cells


ALL_FUTURES = 0x1FE0000  # the flags of compilers in __future__, from division to annotations
futures = 0  # what cells have imported from __future__


def compiled(code, name):
    """All but a last expression, and that expression."""
    import ast

    global futures
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | futures
    tree = compile(code, name, 'exec', ast.PyCF_ONLY_AST | flags, dont_inherit=True)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not ends_silently(tree.body[-1], code):
        last = compile(ast.Expression(tree.body.pop().value), name, 'eval', flags, dont_inherit=True)
    body = compile(tree, name, 'exec', flags, dont_inherit=True) if tree.body else None
    if body is not None:
        futures |= body.co_flags & ALL_FUTURES
    return body, last


def ends_silently(statement, code):
    """Whether a semicolon follows, which says that its value is not to be shown."""
    lines = code.replace('\r\n', '\n').replace('\r', '\n').split('\n')
    rest = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode()
    return rest.lstrip(' \t').startswith(';')


def evaluated(code):
    value = eval(code, main.__dict__)
    return value if not code.co_flags & 0x80 else awaited(value)  # CO_COROUTINE


def awaited(coroutine):
    """On one loop for all cells: what a cell leaves there goes on whenever a later one awaits."""
    global loop, holding
    holding = True
    import asyncio  # held too: half an import would stay so

    if loop is None or loop.is_closed():
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    task = loop.create_task(coroutine)
    task.add_done_callback(hand_back)
    try:
        holding = False
        hear_postponed()
        run_until_done(task)
        hear_postponed()
    except BaseException as failure:
        if task.done():
            raise
        task.cancel()
        run_until_done(task)
        # A task that caught its cancellation goes on, like code that catches KeyboardInterrupt.
        if task.cancelled() or not isinstance(failure, KeyboardInterrupt):
            raise
        hear_postponed()
    return task.result()


def run_until_done(task):
    """As the loop's run_until_complete, which would take the late stop of a task before for one of its own."""
    while not task.done():
        task.get_loop().run_forever()


def hand_back(task):
    if not task.cancelled():
        task.exception()  # asyncio would report it as one that nobody has seen
    task.get_loop().stop()


loop = None


def remember(name, code):
    """For tracebacks and for inspect.getsource."""
    lines = [line + '\n' for line in code.splitlines()]
    linecache.cache[name] = (len(code), None, lines, name)
    linecache.cache.pop('<cell %d>' % (count - CELL_NAMES_KEPT), None)


def error_of(error, name):
    kind = type(error)
    trace = BaseException.__traceback__.__get__(error)
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    inner = trace
    while inner is not None and inner.tb_next is not None:
        if inner.tb_next.tb_frame.f_code.co_filename == __file__:
            inner.tb_next = None
        inner = inner.tb_next
    try:
        message = str(error)
        text = ''.join(traceback.format_exception(kind, error, trace))
    except BaseException as failure:
        message, text = '', 'its description failed: %s' % type(failure).__name__
    return b'{"name":%s,"message":%s,"traceback":%s}' % (
        quote(kind.__name__[:LONGEST_MESSAGE]),
        quote(message[:LONGEST_MESSAGE]),
        quote(text if len(text) <= LONGEST_MESSAGE else '…' + text[-LONGEST_MESSAGE:]),
    )


def done(error):
    return b'{"done":%d,"count":%d,"error":%s}\n' % (cell, count, error)


def execute(code):
    """Runs one cell and returns the messages that end it."""
    global running
    name = '<cell %d>' % count
    last = b''
    error = b'null'
    try:
        remember(name, code)
        body, expression = compiled(code, name)
        if body is not None:
            evaluated(body)
        if expression is not None:
            value = evaluated(expression)
            if value is not None:
                main._ = value
                last = result_of(value)
        if 'matplotlib.pyplot' in sys.modules:
            send(last)
            last = b''
            show_figures()
        running = False
    except BaseException as failure:
        running = False
        error = error_of(failure, name)
        last += unseen_figures(failure)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    return last, done(error)


def see_installed():
    """Where install_packages puts what it installs may not have been there when the interpreter started."""
    if packages not in sys.path:
        sys.path.append(packages)
    if sys.path_importer_cache.get(packages, packages) is None:
        del sys.path_importer_cache[packages]


def serve():
    global cell, count, room, running, postponed, holding
    lines = Lines()
    is_open = False
    while True:
        try:
            if is_open:
                # An interrupt fell between the end of a cell and the word of it.
                running = is_open = False
                send(done(INTERRUPTED))
            line = lines.next()
            verb, _, rest = line.partition(b' ')
            if verb == b'ping':
                send(b'{"pong":%d,"count":%d}\n' % (int(rest), count))
            elif verb == b'execute':
                number, limit, text = rest.decode('utf-8').split(' ', 2)
                code = scanstring(text, 1)[0]
                cell, room, count = int(number), int(limit), count + 1
                # Whatever the last cell made of it: each can be interrupted.
                signal.signal(signal.SIGINT, on_interrupt)
                see_installed()
                postponed = holding = False
                is_open = running = True
                send(b'{"started":%d}\n' % cell)
                ended = execute(code)
                if os.getpid() != owner:
                    os._exit(0)
                is_open = False
                send(*ended)
        except (ValueError, KeyboardInterrupt):
            # Half a line of a connection that broke, or an interrupt that came a moment late.
            continue


signal.signal(signal.SIGINT, on_interrupt)
send(b'{"pong":0,"count":0}\n')
import linecache  # noqa: E402
import site  # noqa: E402
import traceback  # noqa: E402

os.register_at_fork(after_in_child=in_child)
os.environ.setdefault('MPLBACKEND', 'module://codebeaker_driver')
builtins.display = display
os.system = system
sys.modules['__main__'] = main
sys.path.insert(0, '')
sys.argv = ['']
packages = site.getusersitepackages()
serve()
