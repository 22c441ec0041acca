"""What microgpt.py says about learning, over several seeds.

    python tests/seeds.py

It prints the tables of README.md: the published run with eleven seeds, learning and memorising with
ten, and lists of different lengths with three. All losses are means over documents.
"""
import contextlib
import io
import pathlib
import random
import re
import statistics
import sys
import tempfile

from ablation import SIZE, loss_of_counts, loss_on_new, run_jobs, three
from look_inside import ROOT, nearest, vowels_of
import microgpt

N_NEW = 1000  # the names that a loss is measured on
LENGTHS = (50, 200, 1000, 4000)
PASSES = {0: (1,), 16: (1, 3, 5, 10, 20), 32: (3, 5)}  # by n_embd: how often a list is read
MOST_STEPS = 12_000  # what takes more is left out
RATES = {16: 0.01, 32: 0.005}  # a wider model wants a lower learning rate


def run(args):
    """Run microgpt.py in this process; return what main returns, and its progress lines."""
    with contextlib.redirect_stdout(io.StringIO()):
        with contextlib.redirect_stderr(io.StringIO()) as err:
            result = microgpt.main(args)
    return result, err.getvalue().splitlines()


def published_run(seed):
    """Return the loss of the last 100 names read, that of new ones, and how many vowels are most
    similar to a vowel."""
    (model, tokenizer, docs, losses), lines = run(["--seed", str(seed)])
    read = set(docs[:len(losses)])
    new = [doc for doc in docs[len(losses):] if doc not in read][:N_NEW]
    new_losses = [microgpt.document_loss(model, tokenizer.encode(doc)).data for doc in new]
    similar = [nearest(model, tokenizer, vowel) for vowel in vowels_of(tokenizer)]
    return (statistics.fmean(losses[-100:]), statistics.fmean(new_losses),
            sum(char in "aeiou" for char in similar))


def rows_of(lines):
    """Return step, mean and validation of each progress line."""
    rows = [re.match(r"step +(\d+) .* mean (\S+) \| validation (\S+)", line).groups()
            for line in lines]
    return [(int(step), float(mean), float(validation)) for step, mean, validation in rows]


def memorising(seed):
    """Run the README's command with a seed; return step, mean and validation of each line."""
    with tempfile.TemporaryDirectory() as folder:
        few = pathlib.Path(folder, "few.txt")
        few.write_text("\n".join(microgpt.load_docs(ROOT / "names.txt")[:700]), encoding="utf-8")
        args = f"--validation 500 --steps 3000 --seed {seed} --samples 0"
        return rows_of(run([str(few), *args.split()])[1])


def list_of_length(n_lines, passes, n_embd, seed):
    """Return the loss on new names after n_lines different names were read so many times, by a
    model as wide as n_embd, or counted, if n_embd is 0."""
    rng = random.Random(seed)
    names = sorted(set(microgpt.load_docs(ROOT / "names.txt")))
    rng.shuffle(names)
    read, new = names[:n_lines], names[-N_NEW:]
    if n_embd == 0:
        return loss_of_counts(read, new)
    return loss_on_new(rng, read, new, n_lines * passes, RATES[n_embd], dict(SIZE, n_embd=n_embd))


def main():
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    print("microgpt.py over several seeds: about 16 minutes on two cores with PyPy, an hour with "
          "CPython", flush=True)

    seeds = [42, *range(1, 11)]
    results = run_jobs(published_run, [(seed,) for seed in seeds])
    print(f"\nThe published run, {len(seeds)} seeds\n\n| loss after 1,000 names | seed 42 | mean | "
          "least | most |\n| --- | --- | --- | --- | --- |")
    for column, what in enumerate(["of the last 100 names read", f"of {N_NEW:,} names not read"]):
        numbers = [results[seed,][column] for seed in seeds]
        print(f"| {what} | {numbers[0]:.3f} | {three(numbers)} |")
    vowels = sum(result[2] for result in results.values())
    print(f"\nThe letter most similar to a vowel is a vowel in {vowels} of {5 * len(seeds)} cases.")

    seeds = [42, *range(1, 10)]
    curves = run_jobs(memorising, [(seed,) for seed in seeds])
    print(f"\nLearning and memorising, {len(seeds)} seeds\n\n| step | mean of the last 100 read | "
          "least | most | validation | least | most |\n| --- | --- | --- | --- | --- | --- | --- |")
    for rows in zip(*curves.values()):
        print(f"| {rows[0][0]} | {three([mean for step, mean, validation in rows])} | "
              f"{three([validation for step, mean, validation in rows])} |")
    print("\n| seed | lowest validation | at step | at the end |\n| --- | --- | --- | --- |")
    for seed in seeds:
        step, mean, validation = min(curves[seed,], key=lambda row: row[2])
        print(f"| {seed} | {validation:.3f} | {step} | {curves[seed,][-1][2]:.3f} |")

    seeds = [1, 2, 3]
    columns = [(n_embd, passes) for n_embd in PASSES for passes in PASSES[n_embd]]
    jobs = [(n_lines, passes, n_embd, seed) for n_lines in LENGTHS for n_embd, passes in columns
            for seed in seeds if n_lines * passes <= MOST_STEPS]
    losses = run_jobs(list_of_length, sorted(jobs, key=lambda job: -job[0] * job[1] * job[2]))
    print(f"\nLists of different names, loss on {N_NEW:,} others: mean of {len(seeds)} seeds, and "
          "how far from it they are")
    heads = {0: "counts", 16: "{} times", 32: "{} times, 32 wide"}
    heads = " | ".join(heads[n_embd].format(passes) for n_embd, passes in columns)
    heads = heads.replace("1 times", "once")
    print(f"\n| lines | {heads} |\n| {' | '.join(['---'] * (len(columns) + 1))} |")
    for n_lines in LENGTHS:
        cells = []
        for n_embd, passes in columns:
            found = [losses.get((n_lines, passes, n_embd, seed)) for seed in seeds]
            if None in found:
                cells.append("")
            else:
                mean = statistics.fmean(found)
                spread = max(abs(loss - mean) for loss in found)
                cells.append(f"{mean:.2f} ±{spread:.2f}")
        print(f"| {n_lines:,} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
