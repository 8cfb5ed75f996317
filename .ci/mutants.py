#!/usr/bin/env python3
"""Which mistakes would no test notice?

Every change of one line (an operator, a comparison, a number, a dropped statement) is compiled into one copy of the crate, behind a number that
an environment variable chooses; so hundreds of changes cost one build. Each is then tried against the unit tests and the integration tests of
its module, and the changes that survive are printed. Not part of .ci/run.

    python3 .ci/mutants.py                                 # all changes in src/bound src/audit src/population src/transport
    python3 .ci/mutants.py --sample 40 --seed 2 src/law    # forty of them, chosen by a seed, in other directories or files
    python3 .ci/mutants.py --list src/bound                # what would be changed

The copy and its build stand in --dir (target/mutants). Documentation tests are not run: a survivor may be caught there. Constants, patterns and
lines in the middle of a longer expression that no rule below understands are not changed; their number is printed.
"""
import argparse
import concurrent.futures
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time

SWAPS = [
    (" + ", " - "), (" - ", " + "), (" * ", " / "), (" / ", " * "), (" += ", " -= "), (" -= ", " += "), (" *= ", " /= "), (" /= ", " *= "),
    (" < ", " <= "), (" > ", " >= "), (" <= ", " < "), (" >= ", " > "), (" == ", " != "), (" != ", " == "), (" && ", " || "), (" || ", " && "),
    (".max(", ".min("), (".min(", ".max("), (".ceil()", ".floor()"), (".floor()", ".ceil()"), ("!(", "("), (".abs()", ""),
]
NUMBERS = [("0.0", "1.0"), ("1.0", "0.0"), ("0.5", "1.0"), ("2.0", "1.0"), ("0", "1"), ("1", "2"), ("2", "1")]
WORDS = [("true", "false"), ("false", "true")]
PAIRS = {"(": ")", "[": "]", "{": "}"}


def changed(expression):
    """All changes of an expression, each with its description."""
    for old, new in SWAPS:
        for at in (m.start() for m in re.finditer(re.escape(old), expression)):
            yield f"{old.strip()} becomes {new.strip() or 'nothing'}", expression[:at] + new + expression[at + len(old):]
    for old, new in NUMBERS + WORDS:
        for match in re.finditer(r"(?<![\w.])" + re.escape(old) + r"(?![\w.])", expression):
            yield f"{old} becomes {new}", expression[:match.start()] + new + expression[match.end():]


def balanced(text):
    stack = []
    for c in text:
        if c in PAIRS:
            stack.append(PAIRS[c])
        elif c in ")]}":
            if not stack or stack.pop() != c:
                return False
    return not stack


def body_end(text, start):
    """Where an expression that starts at `start` ends: before a comma, a semicolon or a closing bracket of its surroundings."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] in PAIRS:
            depth += 1
        elif text[i] in ")]}":
            if depth == 0:
                return i
            depth -= 1
        elif text[i] in ",;" and depth == 0:
            return i
    return len(text)


def slots(line, before, after):
    """The expressions of a line that can be replaced: (start, end, whether it is a statement)."""
    text = line.rstrip("\n")
    indent = len(text) - len(text.lstrip())
    code = text[indent:]
    skip = r"(//|#|use |pub |mod |impl|where|fn |type |trait |const |static |enum |struct |unsafe )"
    if not code or re.match(skip, code) or re.search(r"(assert|panic|unreachable|write|writeln|format|expect)\w*[!(]|\"", code) or "dyn " in code:
        return
    # `if c {`, `while c {`, `} else if c {`, `for p in c {`, `match c {`
    match = re.match(r"(?:\} else )?(?:if|while|match) (?!let )|for [^{]* in ", code)
    if match and code.endswith(" {") and " let " not in code:
        start, end = indent + match.end(), len(text) - 2
        if balanced(text[start:end]):
            yield start, end, False
        return
    match = re.match(r"let (mut )?[^=]*? = ", code)
    if match and code.endswith(";") and balanced(code):
        yield indent + match.end(), len(text) - 1, False
        return
    if code.endswith(";") and balanced(code) and not code.startswith(("let ", ".", "}")):
        if before.rstrip().endswith((";", "{", "}")) or re.match(r"\s*(//|#)", before):
            yield indent, len(text), True
            return
    # The bodies of closures.
    closures = [(m.end(), body_end(text, m.end())) for m in re.finditer(r"\|(?:[\w&(), :\[\]<>]+|)\| (?!\{)", text)]
    for start, end in closures:
        if balanced(text[start:end]) and text[start:end].strip():
            yield start, end, False
    if closures:
        return
    # A match arm, a field, an argument.
    match = re.match(r"[^=]* => |\w+: ", code)
    if code.endswith(",") and balanced(code):
        start = indent + (match.end() if match else 0)
        if text[start:].strip() != "," and not code.startswith((".", "|")):
            yield start, len(text) - 1, False
        return
    # The value of a block.
    last = after.strip()
    if balanced(code) and not code.endswith(("{", "}", ";", ",")) and not code.startswith((".", "}", "+", "-", "*", "/", "&&", "||", "|")) and last.startswith("}"):
        if before.rstrip().endswith((";", "{", "}")):
            yield indent, len(text), False


def find(files):
    """All changes: dictionaries with file, line, start, end, text, kind."""
    found, missed = [], 0
    for file in files:
        lines = open(file).read().split("\n")
        for number, line in enumerate(lines):
            if line.startswith("#[cfg(test)]"):
                break
            before = next((l for l in reversed(lines[:number]) if l.strip()), "")
            after = next((l for l in lines[number + 1:] if l.strip()), "")
            here = len(found)
            for start, end, statement in slots(line, before, after):
                original = line[start:end]
                for kind, text in changed(original):
                    found.append(dict(file=file, line=number, start=start, end=end, statement=statement, kind=kind, text=text))
                if statement and not re.match(r"(let|return|break|continue)\b", original):
                    found.append(dict(file=file, line=number, start=start, end=end, statement=True, kind="dropped", text=""))
            if len(found) == here and not re.match(r"\s*(//|#|use |pub |fn |impl|const )", line) and any(True for _ in changed(line)):
                missed += 1
    return found, missed


def write(copy, root, mutants):
    """The sources with all changes in them."""
    by_file = {}
    for m in mutants:
        by_file.setdefault(m["file"], {}).setdefault(m["line"], {}).setdefault((m["start"], m["end"]), []).append(m)
    for file, by_line in by_file.items():
        lines = open(os.path.join(root, file)).read().split("\n")
        for number, by_slot in by_line.items():
            line = lines[number]
            for (start, end), group in sorted(by_slot.items(), reverse=True):
                original, statement = line[start:end], group[0]["statement"]
                show = (lambda e: "{ " + e + " }") if statement else (lambda e: e)
                arms = " ".join(f"{m['id']}usize => {show(m['text'])}{'' if statement else ','}" for m in group)
                whole = f"(match crate::mutant() {{ {arms} _ => {show(original)} }})"
                line = line[:start] + (whole[1:-1] if statement else whole) + line[end:]
            lines[number] = line
        with open(os.path.join(copy, file), "w") as out:
            out.write("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=["src/bound", "src/audit", "src/population", "src/transport"])
    parser.add_argument("--sample", type=int, default=0, help="how many changes, chosen at random; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--dir", default="target/mutants")
    parser.add_argument("--list", action="store_true")
    a = parser.parse_args()
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    root = os.getcwd()
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split("\n")
    files = [f for f in tracked if f.endswith(".rs") and not f.endswith("/tests.rs") and any(f == p or f.startswith(p.rstrip("/") + "/") for p in a.paths)]
    mutants, missed = find(files)
    if a.sample and a.sample < len(mutants):
        chosen = sorted(random.Random(a.seed).sample(range(len(mutants)), a.sample))
        mutants = [mutants[i] for i in chosen]
    for i, m in enumerate(mutants):
        m["id"] = i + 1
    if a.list:
        for m in mutants:
            print(f"{m['file']}:{m['line'] + 1}: {m['kind']}: {m['text'].strip()}")
        print(f"{len(mutants)} changes; {missed} lines that could be changed are not understood")
        return
    work = os.path.abspath(a.dir)
    copy = os.path.join(work, "copy")
    shutil.rmtree(copy, ignore_errors=True)
    for f in filter(None, tracked):
        os.makedirs(os.path.dirname(os.path.join(copy, f)), exist_ok=True)
        shutil.copy2(os.path.join(root, f), os.path.join(copy, f))
    with open(os.path.join(copy, "src/lib.rs"), "a") as lib:
        lib.write("\npub(crate) fn mutant() -> usize {\n    static CHOSEN: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| std::env::var(\"MUTANT\").map_or(0, |v| v.parse().unwrap()));\n    *CHOSEN\n}\n")
    env = dict(os.environ, CARGO_TARGET_DIR=os.path.join(work, "target"), CARGO_TERM_COLOR="never", RUSTFLAGS="--cap-lints warn", RAYON_NUM_THREADS="1")
    rooms = sorted({m["file"].split("/")[1].removesuffix(".rs") for m in mutants})
    # Changes that do not compile leave, a round at a time.
    total = len(mutants)
    while True:
        write(copy, root, mutants)
        out = subprocess.run(["cargo", "check", "-q", "--lib", "--all-features", "--message-format=json"], cwd=copy, env=env, capture_output=True, text=True)
        bad = set()
        for line in out.stdout.split("\n"):
            if not line.startswith("{"):
                continue
            message = json.loads(line).get("message")
            if message and message["level"] == "error":
                for span in message["spans"] + [s for c in message["children"] for s in c["spans"]]:
                    bad.add((span["file_name"], span["line_start"], span["column_start"], span["column_end"]))
        if out.returncode == 0:
            break
        if not bad:
            sys.exit(out.stderr)
        # First the very arm an error points at, else all of the line.
        leave = set()
        for file, line, start, end in bad:
            text = open(os.path.join(copy, file)).read().split("\n")[line - 1]
            arms = [(m.start(), int(m.group(1))) for m in re.finditer(r"(\d+)usize => ", text)]
            inside = [i for (at, i), (stop, _) in zip(arms, arms[1:] + [(text.find(" _ => "), 0)]) if at + 1 <= start and end <= stop + 1]
            leave.update(inside or [i for _, i in arms])
        kept = [m for m in mutants if m["id"] not in leave]
        if len(kept) == len(mutants):
            sys.exit(f"cannot mend: {sorted(bad)[:3]}\n{out.stderr[-2000:]}")
        for f in {m["file"] for m in mutants}:
            shutil.copy2(os.path.join(root, f), os.path.join(copy, f))
        if "src/lib.rs" in {m["file"] for m in mutants}:
            sys.exit("src/lib.rs is not changed")
        mutants = kept
    unbuilt = total - len(mutants)
    print(f"{len(mutants)} changes built, {unbuilt} do not compile, {missed} lines not understood", flush=True)
    built = subprocess.run(["cargo", "test", "-p", "onestep", "--all-features", "--lib", "--no-run", "--message-format=json"] + [x for r in rooms for x in ("--test", r)],
                           cwd=copy, env=env, capture_output=True, text=True)
    if built.returncode:
        sys.exit(built.stderr[-4000:])
    binaries = {}
    for line in built.stdout.split("\n"):
        if line.startswith("{"):
            message = json.loads(line)
            if message.get("executable"):
                binaries[message["target"]["name"]] = message["executable"]

    def passes(room, chosen, limit):
        """Whether all tests of a room pass; stops at the first that does not."""
        for command in ([binaries["onestep"], f"{room}::"], [binaries[room]]):
            start = time.time()
            process = subprocess.Popen(command + ["--test-threads=1"], cwd=copy, env=dict(env, MUTANT=str(chosen)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            os.set_blocking(process.stdout.fileno(), False)
            text = b""
            while process.poll() is None:
                time.sleep(0.05)
                text += process.stdout.read() or b""
                if b"FAILED" in text or time.time() - start > limit:
                    process.kill()
                    process.wait()
                    return False
            if process.returncode:
                return False
        return True

    limits = {}
    for room in rooms:
        start = time.time()
        if not passes(room, 0, 3600):
            sys.exit(f"the tests of {room} do not pass without a change")
        limits[room] = 30 + 4 * (time.time() - start)
        print(f"{room}: {time.time() - start:.0f} s without a change", flush=True)

    def attempt(m):
        room = m["file"].split("/")[1].removesuffix(".rs")
        return m, passes(room, m["id"], limits[room])

    survivors = {room: [0, 0] for room in rooms}
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for m, survives in pool.map(attempt, mutants):
            count = survivors[m["file"].split("/")[1].removesuffix(".rs")]
            count[1] += 1
            if survives:
                count[0] += 1
                print(f"survives  {m['file']}:{m['line'] + 1}: {m['kind']}: {m['text'].strip()}", flush=True)
    for room, (alive, tried) in survivors.items():
        print(f"{room}: {alive} of {tried} survive ({100 * alive / max(tried, 1):.1f} %)")


main()
