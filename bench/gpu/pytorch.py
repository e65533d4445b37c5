"""PyTorch's side of run.js: the same convolutions and the same iteration of Algorithm 1, written as one would in PyTorch.

Prints one JSON object a line, each as soon as it is measured. Without CUDA it runs on the processor, to be tried out.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
# f32 and tf32 in PyTorch's own layout; halves in the one that tensor cores like best.
VARIANTS = {
    "f32": (torch.float32, torch.contiguous_format),
    "tf32": (torch.float32, torch.contiguous_format),
    "f16": (torch.float16, torch.channels_last_3d),
    "bf16": (torch.bfloat16, torch.channels_last_3d),
}
WARM_UP = 3


def activate(variant):
    """What PyTorch keeps globally."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = variant == "tf32"
    torch.backends.cudnn.benchmark = True


def finish():
    if CUDA:
        torch.cuda.synchronize()


def block(inputs, first, second):
    unit = lambda a, b: [nn.Conv3d(a, b, 3, padding=1), nn.BatchNorm3d(b), nn.ReLU(inplace=True)]
    return nn.Sequential(*unit(inputs, first), *unit(first, second))


class UNet(nn.Module):
    """docs/method.md#generator-and-segmenter: four levels, nearest upsampling, skips first."""

    def __init__(self, base, inputs, outputs):
        super().__init__()
        width = lambda level: 2 * base << level
        self.encoder = nn.ModuleList(
            block(width(level - 1) if level else inputs, base << level, width(level)) for level in range(4)
        )
        self.decoder = nn.ModuleList(
            block(width(level) + width(level + 1), width(level), width(level)) for level in (2, 1, 0)
        )
        self.out = nn.Conv3d(width(0), outputs, 1)

    def forward(self, x):
        skips = []
        for level, part in enumerate(self.encoder):
            x = part(F.max_pool3d(x, 2) if level else x)
            skips.append(x)
        for part, skip in zip(self.decoder, skips[-2::-1]):
            x = part(torch.cat([skip, F.interpolate(x, scale_factor=2, mode="nearest")], 1))
        return self.out(x)


def discriminator(base, side, classes):
    """docs/method.md#discriminator, without batch norm."""
    layers = []
    for level in range(4):
        inputs = base << (level - 1) if level else 1
        layers += [nn.Conv3d(inputs, base << level, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout3d(0.25)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear((base << 3) * (side // 16) ** 3, classes))


def weighted_dice(logits, labels):
    """Eq. (1): one ratio for each sample, weights inside its sums."""
    s = torch.softmax(logits.float(), 1)
    y = F.one_hot(labels, 4).permute(0, 4, 1, 2, 3)
    w = torch.tensor([0.22, 0.3, 0.2, 0.28], device=s.device)
    overlap, size = ((w * part.sum((2, 3, 4))).sum(1) for part in (s * y, s + y))
    return 1 - ((2 * overlap + 1e-5) / (size + 1e-5)).mean()


class Iteration:
    """Algorithm 1 (docs/method.md#algorithm-1) for two sites: steps of D on fresh batches, then one of G and S."""

    LAMBDA = 1.5
    GENERATED = 2  # D's class for generated patches; those of the sites are 0 and 1.
    DISCRIMINATOR_STEPS = 3

    def __init__(self, variant, batch, base, patch):
        dtype, self.layout = VARIANTS[variant]
        self.dtype, self.narrow = dtype, dtype != torch.float32
        place = lambda module: module.to(DEVICE, memory_format=self.layout)
        self.g, self.s = place(UNet(base, 1, 1)), place(UNet(base, 1, 4))
        self.d = place(discriminator(base // 2, patch, 3))
        adam = lambda module, rate: torch.optim.Adam(module.parameters(), lr=rate, weight_decay=1e-3)
        self.adam_g, self.adam_s, self.adam_d = adam(self.g, 1e-3), adam(self.s, 1e-3), adam(self.d, 1e-4)
        scaled = variant == "f16" and CUDA
        self.scale_d, self.scale = (torch.cuda.amp.GradScaler(enabled=scaled) for _ in range(2))
        pinned = lambda tensor: tensor.pin_memory() if CUDA else tensor
        self.patches = pinned(torch.rand(batch, 1, patch, patch, patch))
        self.labels = pinned(torch.randint(4, (batch, patch, patch, patch)))
        self.sites = (torch.arange(batch) % 2).to(DEVICE)
        self.generated = torch.full((batch,), self.GENERATED, device=DEVICE)

    def parameters(self):
        return [sum(p.numel() for p in net.parameters()) for net in (self.g, self.s, self.d)]

    def upload(self):
        return self.patches.to(DEVICE, non_blocking=True).to(memory_format=self.layout)

    def autocast(self):
        return torch.autocast(DEVICE, self.dtype if self.narrow else torch.bfloat16, enabled=self.narrow)

    def discriminator_step(self):
        x = self.upload()
        self.adam_d.zero_grad(set_to_none=True)
        with self.autocast():
            with torch.no_grad():
                fake = torch.sigmoid(self.g(x).float())
            loss = F.cross_entropy(self.d(x), self.sites) + F.cross_entropy(self.d(fake), self.generated)
        self.scale_d.scale(loss).backward()
        self.scale_d.step(self.adam_d)
        self.scale_d.update()
        return loss.detach()

    def system_step(self):
        x, labels = self.upload(), self.labels.to(DEVICE, non_blocking=True)
        for optimizer in (self.adam_g, self.adam_s):
            optimizer.zero_grad(set_to_none=True)
        self.d.requires_grad_(False)
        with self.autocast():
            fake = torch.sigmoid(self.g(x).float())
            segmentation = weighted_dice(self.s(fake), labels)
            adversarial = -F.cross_entropy(self.d(fake), self.generated)
        self.scale.scale(segmentation + self.LAMBDA * adversarial).backward()
        self.scale.step(self.adam_g)
        self.scale.step(self.adam_s)
        self.scale.update()
        self.d.requires_grad_(True)
        return segmentation.detach()

    def run(self):
        losses = [self.discriminator_step() for _ in range(self.DISCRIMINATOR_STEPS)] + [self.system_step()]
        return [loss.item() for loss in losses]


def times_of(run, seconds, runs=1):
    """Milliseconds of one run, round by round: host and device together, and `runs` in a row so that the host hides."""
    for _ in range(WARM_UP):
        run()
    finish()
    times, started = [], time.perf_counter()
    while len(times) < 3 or (len(times) < 20 and time.perf_counter() - started < seconds):
        begin = time.perf_counter()
        for _ in range(runs):
            run()
        finish()
        times.append((time.perf_counter() - begin) * 1e3 / runs)
    return times


def row(target, case, variant, times, **more):
    middle = statistics.median(times)
    result = {"peer": "torch", "target": target, "case": case, "variant": variant, "ms_median": middle}
    return {**result, "ms_min": min(times), "rounds": len(times), **more}


def iterations(variant, options):
    batch, base, patch = options.batch, options.base, options.patch
    iteration = Iteration(variant, batch, base, patch)
    if CUDA:
        torch.cuda.reset_peak_memory_stats()
    losses = iteration.run()
    times = times_of(iteration.run, seconds=4)
    more = {"first_losses": losses, "parameters": iteration.parameters()}
    if CUDA:
        more["peak_bytes"] = torch.cuda.max_memory_allocated()
    yield row("step", f"batch {batch} of {patch}³, base {base}", variant, times, **more)


def layers(variant, options):
    """Each convolution of the U-Net that differs, with both gradients; the shapes are those that its own pass has."""
    dtype, layout = VARIANTS[variant]
    net, seen = UNet(options.base, 1, 4).to(DEVICE), []
    note = lambda conv, _, y: seen.append((conv.weight.shape, y.shape, conv.padding))
    for module in net.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_hook(note)
    with torch.no_grad():
        net(torch.zeros(options.batch, 1, *[options.patch] * 3, device=DEVICE))
    del net
    place = lambda *shape: torch.randn(shape, device=DEVICE).to(dtype).contiguous(memory_format=layout)
    for weight, result, padding in dict.fromkeys(seen):
        outputs, inputs, kernel = weight[:3]
        x, w, dy = place(result[0], inputs, *result[2:]), place(*weight), place(*result)
        gradient = lambda wanted: torch.ops.aten.convolution_backward(
            dy, x, w, None, [1] * 3, padding, [1] * 3, False, [0] * 3, 1, wanted
        )
        runs = {
            "forward": lambda: F.conv3d(x, w, padding=padding),
            "input": lambda: gradient([True, False, False]),
            "weight": lambda: gradient([False, True, False]),
        }
        flops = 2 * inputs * kernel**3 * result.numel()
        shape = lambda *sizes: ",".join(map(str, sizes))
        case = f"x[{shape(result[0], *result[2:], inputs)}] w[{shape(kernel, kernel, kernel, inputs, outputs)}]"
        for direction, run in runs.items():
            times = times_of(run, seconds=0.4, runs=10 if CUDA else 1)
            yield row(f"conv3d.{direction}", case, variant, times, gflops=flops / statistics.median(times) / 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["iteration", "layers"])
    for name in ("batch", "base", "patch"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    say = lambda value: print(json.dumps(value), flush=True)
    name = torch.cuda.get_device_name() if CUDA else "the processor"
    say({"pytorch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "device": name})
    measure = iterations if options.what == "iteration" else layers
    # Processors have no TF32, and PyTorch no convolutions of f16 on them.
    for variant in VARIANTS if CUDA else ("f32", "bf16"):
        activate(variant)
        try:
            for measured in measure(variant, options):
                say(measured)
        except Exception as error:  # The other variants go on.
            say({"failed": f"{variant}: {type(error).__name__}: {str(error).splitlines()[0]}"})


main()
