"""PyTorch as a peer: the protocol of worker.ts, one JSON object a line. Without CUDA it runs on the processor."""

import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

CUDA = torch.cuda.is_available()
DTYPES = {"f32": torch.float32, "tf32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
HALVES = (torch.float16, torch.bfloat16)
LAYOUTS = {"ncdhw": torch.contiguous_format, "channels_last_3d": torch.channels_last_3d}
# What rounding alone does to a U-Net's gradients grows with the rounding.
TOLERANCES = {"tf32": 1e-2, "f16": 5e-2, "bf16": 3e-1}
WEIGHT = (4, 3, 0, 1, 2)
ACTIVATION = (0, 4, 1, 2, 3)


def is_weight(name):
    return name in ("w", "dw") or name.endswith("out.weight") or (".conv" in name and name.endswith("weight"))


class Setting:
    """Where and in which precision a variant computes; `float64` is not a variant but the truth for others."""

    def __init__(self, variant):
        precision, _, layout = variant.partition(" ")
        on_cuda = precision in DTYPES
        self.device = "cuda" if on_cuda else "cpu"
        self.dtype = torch.float64 if variant == "float64" else DTYPES.get(precision, torch.float32)
        self.layout = LAYOUTS.get(layout, torch.contiguous_format)
        self.tf32 = precision == "tf32"

    def activate(self):
        """What PyTorch keeps globally."""
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self.tf32
        torch.backends.cudnn.benchmark = True

    def tensor(self, name, array):
        value = torch.from_numpy(array)
        if value.ndim == 5:
            value = value.permute(WEIGHT if is_weight(name) else ACTIVATION)
        # Scales, shifts and statistics of batch norm stay in float32 next to halves.
        dtype = torch.float32 if self.dtype in HALVES and value.ndim == 1 else self.dtype
        value = value.to(self.device, dtype)
        return value.contiguous(memory_format=self.layout) if value.ndim == 5 else value.contiguous()

    def finish(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


def read(folder, index):
    words = np.fromfile(f"{folder}/inputs.f32", "<f4")
    return {
        name: words[at["offset"] : at["offset"] + int(np.prod(at["shape"]))].reshape(at["shape"]).copy()
        for name, at in index.items()
    }


def write(folder, outputs):
    index, offset, parts = {}, 0, []
    for name, value in outputs.items():
        value = value.detach().float().cpu()
        if value.ndim == 5:
            order = WEIGHT if is_weight(name) else ACTIVATION
            value = value.permute(*np.argsort(order).tolist())
        array = np.ascontiguousarray(value.numpy(), "<f4")
        index[name] = {"shape": list(array.shape), "offset": offset}
        offset += array.size
        parts.append(array.ravel())
    np.concatenate(parts).tofile(f"{folder}/outputs.f32")
    return index


def prepare_op(op, arrays, setting):
    tensors = {name: setting.tensor(name, array) for name, array in arrays.items()}
    dy = tensors.pop("dy", None)
    x = tensors["x"]
    forward = {
        "conv": lambda: F.conv3d(x, tensors["w"], padding=1),
        "norm": lambda: F.batch_norm(x, None, None, tensors["gamma"], tensors["beta"], True, eps=1e-5),
        "pool": lambda: F.max_pool3d(x, 2),
        "up": lambda: F.interpolate(x, scale_factor=2, mode="nearest"),
    }[op]
    results = {}

    def step():
        for tensor in tensors.values():
            tensor.grad = None
            tensor.requires_grad_(dy is not None)
        results["y"] = forward()
        if dy is not None:
            results["y"].backward(dy)
        setting.finish()

    def outputs():
        gradients = {f"d{name}": tensor.grad for name, tensor in tensors.items()} if dy is not None else {}
        return {**results, **gradients}

    return step, outputs


def network(p, x, training):
    def unit(h, name, index):
        norm = f"{name}.norm{index}"
        h = F.conv3d(h, p[f"{name}.conv{index}.weight"], padding=1)
        statistics = (None, None) if training else (p[f"{norm}.running_mean"], p[f"{norm}.running_var"])
        return F.relu(F.batch_norm(h, *statistics, p[f"{norm}.weight"], p[f"{norm}.bias"], training, eps=1e-5))

    def block(name, h):
        return unit(unit(h, name, 0), name, 1)

    skips = []
    for level in (1, 2, 3):
        skips.append(block(f"enc{level}", x))
        x = F.max_pool3d(skips[-1], 2)
    x = block("enc4", x)
    for level in (3, 2, 1):
        x = block(f"dec{level}", torch.cat([skips[level - 1], F.interpolate(x, scale_factor=2, mode="nearest")], 1))
    return F.conv3d(x, p["out.weight"], p["out.bias"].to(x.dtype))


def prepare_unet(backward, arrays, setting):
    labels = torch.from_numpy(arrays.pop("labels")).long()
    narrow = setting.dtype in HALVES
    # Weights of a mixed-precision step stay in float32, as they do in practice.
    precise = setting.dtype
    setting.dtype = torch.float32 if narrow else precise
    tensors = {name: setting.tensor(name, array) for name, array in arrays.items()}
    x = tensors.pop("x")
    target = F.one_hot(labels, 4).permute(0, 4, 1, 2, 3).to(x)
    trained = {name: value.requires_grad_(backward) for name, value in tensors.items() if "running" not in name}
    optimizer = torch.optim.Adam(trained.values(), lr=1e-3, eps=1e-7)
    state = {"losses": []}

    def run():
        with torch.autocast(setting.device, precise if narrow else torch.bfloat16, enabled=narrow):
            return network(tensors, x, backward)

    def step():
        if not backward:
            with torch.no_grad():
                state["y"] = run()
            return setting.finish()
        optimizer.zero_grad(set_to_none=True)
        p, axes = torch.softmax(run().to(x.dtype), 1), (0, 2, 3, 4)
        loss = 1 - (2 * (p * target).sum(axes) / (p.sum(axes) + target.sum(axes))).mean()
        loss.backward()
        optimizer.step()
        state["losses"].append(loss.item())
        return setting.finish()

    def outputs():
        if not backward:
            return {"y": state["y"]}
        results = {f"d.{name}": value.grad.clone() for name, value in trained.items()}
        step()
        for count in (1, 2):
            results[f"loss.{count}"] = torch.tensor([state["losses"][count - 1]])
        return results

    return step, outputs


def processor_time(variant):
    return time.process_time() * 1e3 if variant == "cpu" else 0.0


def serve(request, prepared):
    if request["do"] == "dispose":
        prepared.clear()
        return {}
    variant = request["variant"]
    start, used = time.perf_counter(), processor_time(variant)
    if request["do"] == "time":
        step, setting = prepared[variant]
        setting.activate()
        for _ in range(request["runs"]):
            step()
        runs = request["runs"]
        cpu = (processor_time(variant) - used) / runs if variant == "cpu" else None
        return {"ms": (time.perf_counter() - start) * 1e3 / runs, "cpu": cpu, "bytes": None}
    case, arrays, setting = request["case"], read(request["folder"], request["index"]), Setting(variant)
    start, used = time.perf_counter(), time.process_time()
    unet = case["op"] == "unet"
    ready = prepare_unet(case["backward"], arrays, setting) if unet else prepare_op(case["op"], arrays, setting)
    setting.activate()
    ready[0]()
    first = {"ms": (time.perf_counter() - start) * 1e3, "cpu": (time.process_time() - used) * 1e3}
    index = write(request["folder"], ready[1]())
    if variant != "float64":
        prepared[variant] = (ready[0], setting)
    return {**first, "index": index}


def answer(value):
    print("@@" + json.dumps(value), flush=True)


def main():
    variants = [f"{precision} {layout}" for precision in DTYPES for layout in LAYOUTS] if CUDA else ["cpu"]
    adapter = torch.cuda.get_device_name() if CUDA else "CPU"
    tolerances = {variant: TOLERANCES.get(variant.split(" ")[0], 0) for variant in variants}
    answer({"version": torch.__version__, "adapters": {variant: adapter for variant in variants}, "tolerances": tolerances})
    prepared = {}
    for line in sys.stdin:
        try:
            answer(serve(json.loads(line), prepared))
        except Exception as error:  # The run goes on without this case.
            answer({"error": f"{type(error).__name__}: {error}"})


main()
