# `make convert` and `make test` do everything on a fresh machine with Python 3.10, 3.11 or 3.12.

MODEL ?= resnet50_v1d
INIT ?= random
OUT ?= weights
SAMPLE ?= 120

SUITABLE := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(firstword $(foreach each,python3.11 python3.12 python3.10 python3 python,\
	$(shell $(each) -c '$(SUITABLE)' 2>/dev/null && echo $(each))))
BIN := .venv/bin
CLIENTS := mxnet or timm or torchvision or mmpretrain or onnxruntime or huggingface_hub or pycocotools or linters

.PHONY: convert test quick lint proof zoo mutants bench clean

convert: .venv/installed
	$(BIN)/python convert.py $(MODEL) --init $(INIT) --out $(OUT)

test: lint
	$(BIN)/pytest -n 2 -m 'not slow'

# the tests without other libraries, for the inner loop
quick: .venv/installed
	$(BIN)/pytest -n 2 -m 'not (slow or costly or $(CLIENTS))'

# mypy and import-linter read the package as it is installed: links to the folders of the checkout
lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/view && mkdir -p build/view/gluon2torch
	ln -s $(foreach each,$(wildcard converter/*) models mappings,../../../$(each)) build/view/gluon2torch
	cd build/view && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p gluon2torch
	$(BIN)/mypy convert.py hubconf.py
	cd build/view && PYTHONPATH=. ../../$(BIN)/lint-imports ../../pyproject.toml

# the proofs at full size
proof: .venv/installed
	$(BIN)/pytest -m slow

# parity of all of GluonCV's networks outside the catalogue, with random weights at small sizes
zoo: .venv/installed
	$(BIN)/pytest -n 2 -m zoo

# SAMPLE small changes of each folder, which the tests must detect; about half an hour
mutants: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutation]'
	$(BIN)/python -m tests.mutation --sample $(SAMPLE)

bench: .venv/installed
	$(BIN)/python benchmarks/bench_convert.py
	$(BIN)/python benchmarks/bench_proof.py
	$(BIN)/python benchmarks/bench_params.py
	$(BIN)/python benchmarks/bench_graph.py
	$(BIN)/python benchmarks/bench_validate.py

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed; name it with make PYTHON=…" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[gluon,onnx,images,plots,tensorboard,dev]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info
