# `make convert` and `make test` do everything on a fresh machine with Python 3.10, 3.11 or 3.12.

MODEL ?= resnet50_v1d
OUT ?= weights
SAMPLE ?= 120

SUITABLE := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(firstword $(foreach each,python3.11 python3.12 python3.10 python3 python,\
	$(shell $(each) -c '$(SUITABLE)' 2>/dev/null && echo $(each))))
BIN := .venv/bin
CLIENTS := mxnet or timm or torchvision or mmpretrain or onnxruntime or huggingface_hub or pycocotools or nbclient or linters

INIT ?= random
# MXNet has no packages for Apple silicon
ifeq ($(shell uname -sm),Darwin arm64)
EXTRAS ?= images,plots
else
EXTRAS ?= gluon,images,plots
endif
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

# with GPU_PYTHON=python3, `make gpu` uses that Python's torch, and no .venv is made
GPU_PYTHON ?= $(BIN)/python
GPU_JOBS ?= 8
GPU_OUT := build/gpu

.PHONY: convert test quick lint view proof zoo gpu gpu-reference mutants bench docs clean

convert: .venv/installed
	$(BIN)/python convert.py $(MODEL) --init $(INIT) --out $(OUT)

test: lint
	$(BIN)/pytest -n 2 -m 'not (slow or cuda)'

# the tests without other libraries, for the inner loop
quick: .venv/developing
	$(BIN)/pytest -n 2 -m 'not (slow or costly or cuda or $(CLIENTS))'

lint: .venv/developing view
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd build/view && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p gluon2torch
	$(BIN)/mypy convert.py hubconf.py
	cd build/view && PYTHONPATH=. ../../$(BIN)/lint-imports ../../pyproject.toml

# mypy and import-linter read the package as it is installed: links to the folders of the checkout
view:
	@rm -rf build/view && mkdir -p build/view/gluon2torch
	@ln -s $(foreach each,$(wildcard converter/*) models mappings,../../../$(each)) build/view/gluon2torch

# the proofs at full size
proof: .venv/developing
	$(BIN)/pytest -m slow

# parity of all of GluonCV's networks outside the catalogue, with random weights at small sizes,
# and of one of each family at its published size; with one thread each, two proofs run at a time
zoo: .venv/developing
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m zoo

# networks, graphs, operators, validate and finetune on a GPU, and how fast validate is there.
# With more threads each, the test processes wait for one another: 9 minutes become 1.5.
# pytest-benchmark, where it is installed, warns beside -n
gpu: view $(if $(filter $(BIN)/python,$(GPU_PYTHON)),.venv/developing)
	@if ! $(GPU_PYTHON) -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then \
		echo 'make gpu: torch finds no GPU; nothing was run'; exit 0; fi; \
	mkdir -p $(GPU_OUT); export PYTHONPATH=$(CURDIR)/build/view:$$PYTHONPATH; \
	OMP_NUM_THREADS=1 $(GPU_PYTHON) -m pytest -q -n $(GPU_JOBS) -p no:benchmark -m cuda $(wildcard tests/test_cuda_*.py) --junitxml=$(GPU_OUT)/tests.xml; failed=$$?; \
	$(GPU_PYTHON) benchmarks/bench_gpu.py --workers 8 --workers 16 \
		--tests $(GPU_OUT)/tests.xml --json $(GPU_OUT)/figures.json && exit $$failed

# MXNet's logits, which `make gpu` compares with where MXNet is not installed, if they are copied
gpu-reference: .venv/developing
	$(BIN)/python -m tests.mxnet_logits

# SAMPLE small changes of each folder, which the tests must detect; about half an hour
mutants: .venv/developing
	$(INSTALL) --quiet -e '.[mutation]'
	$(BIN)/python -m tests.mutation --sample $(SAMPLE)

# the site, to be opened from disk: build/site/index.html
docs: .venv/developing
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --clean --quiet

bench: .venv/developing
	$(BIN)/python benchmarks/bench_process.py
	$(BIN)/python benchmarks/bench_params.py --plot docs/growth.svg
	$(BIN)/python benchmarks/bench_convert.py
	$(BIN)/python benchmarks/bench_proof.py
	$(BIN)/python benchmarks/bench_graph.py
	$(BIN)/python benchmarks/bench_validate.py

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.10, 3.11 or 3.12 is needed; name it with make PYTHON=…" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv: PyTorch, and MXNet and GluonCV where they run; about 2 GB, and"
	@echo "3 GB more where pip takes PyTorch with CUDA. pip says what it downloads, and how large:"
	$(INSTALL) -e '.[$(EXTRAS)]'
	ln -sf $(BIN)/gluon2torch gluon2torch
	touch $@

.venv/developing: .venv/installed
	@echo "Installing what only the tests need into .venv: about 1 GB"
	$(INSTALL) -e '.[$(EXTRAS),onnx,tensorboard,docs,dev]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info gluon2torch
