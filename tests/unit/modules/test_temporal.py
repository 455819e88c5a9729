import pytest
import torch

from rtpose.modules.flip import flip_averaged
from rtpose.modules.temporal import POINT_SCALE, TemporalLifter


def network(**changes: object) -> TemporalLifter:
    """Small, with every weight of some size, so that everything that can have an influence has one."""
    torch.manual_seed(0)
    lifter = TemporalLifter(**{"width": 8, "channels": 6, "dilations": (1, 3), **changes}).eval()  # type: ignore[arg-type]
    for parameter in lifter.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return lifter.double()


@pytest.mark.parametrize(
    ("kernel", "dilations", "frames"), [(3, (1, 3), 9), (3, (1, 3, 9), 27), (2, (1, 2, 4), 8), (3, (1,), 3)]
)
def test_the_receptive_field_is_what_it_says(kernel: int, dilations: tuple[int, ...], frames: int) -> None:
    """The oldest frame in reach has an influence, the one before it and all future ones have none."""
    lifter = network(kernel=kernel, dilations=dilations)
    assert lifter.receptive_field == frames
    points = torch.randn(1, frames + 5, 34, dtype=torch.float64, requires_grad=True)
    depth, corrected = lifter.sequence(points)
    for answer in (depth, corrected):
        (gradient,) = torch.autograd.grad(answer[0, frames + 1].sum(), points, retain_graph=True)
        reached = gradient[0].abs().amax(-1) > 0
        assert reached.tolist() == [False] * 2 + [True] * frames + [False] * 3


def test_what_the_filters_alone_see_is_no_more() -> None:
    lifter = network()
    for block in lifter.blocks:
        torch.nn.init.zeros_(block.mix.weight)  # type: ignore[union-attr,arg-type]
    points = torch.randn(1, 14, 34, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(lifter.sequence(points)[1][0, -1].sum(), points)
    assert (gradient[0].abs().amax(-1) > 0).tolist() == [False] * 5 + [True] * 9


def test_steps_and_sequence_agree() -> None:
    """From the first frame on, for several people at once."""
    lifter = network()
    points = torch.randn(3, 25, 34, dtype=torch.float64)
    depths, corrected = lifter.sequence(points)
    state = [tensor.double() for tensor in lifter.new_state(3)]
    for t in range(25):
        depth, points_now, *state = lifter(points[:, t], *state)
        torch.testing.assert_close(depth, depths[:, t], rtol=0, atol=1e-12)
        torch.testing.assert_close(points_now, corrected[:, t], rtol=0, atol=1e-12)
    assert [tuple(tensor.shape) for tensor in state] == [(3, 6, 2), (3, 6, 6), (3, 52, 8)]


def test_people_do_not_mix() -> None:
    lifter = network()
    points = torch.randn(3, 12, 34, dtype=torch.float64)
    together = lifter.sequence(points)[0]
    torch.testing.assert_close(together[1:2], lifter.sequence(points[1:2])[0])


def test_untrained_it_says_what_its_trunk_says() -> None:
    torch.manual_seed(0)
    lifter = TemporalLifter(width=8, channels=6).eval()
    points = torch.randn(2, 30, 34)
    depth, corrected = lifter.sequence(points)
    torch.testing.assert_close(corrected, points)
    torch.testing.assert_close(depth.flatten(0, 1), lifter.trunk(points.flatten(0, 1)))


def test_a_filter_averages_what_was_seen() -> None:
    """Weights of 1/3 for the two last frames: the mean of three, and of fewer at the start; by hand."""
    lifter = TemporalLifter(width=8, channels=6, dilations=(1,)).eval()
    torch.nn.init.constant_(lifter.filters.bias, 1 / 3)
    points = torch.zeros(1, 4, 34)
    points[0, :, 10] = torch.tensor([0.3, 0.0, 0.6, 0.9])
    corrected = lifter.sequence(points)[1][0, :, 10]
    torch.testing.assert_close(corrected, torch.tensor([0.3, 0.1, 0.3, 0.5]))


def test_both_flips_go_through_the_trunk_at_once_and_say_what_two_passes_would() -> None:
    lifter = network(flip_averaging=True)
    for last in (lifter.filters, lifter.correction):
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.zeros_(last.bias)
    points = torch.randn(3, 4, 34, dtype=torch.float64)
    depth, _ = lifter.sequence(points)
    expected = flip_averaged(lifter.trunk)(points.flatten(0, 1)).view(3, 4, 17)
    torch.testing.assert_close(depth, expected)
    # What goes on in time is of the points as they are seen.
    hidden = lifter.trunk.layers[:-1](points[0])
    features = lifter.join(torch.cat([hidden, points[0] * POINT_SCALE, expected[0]], dim=1))
    torch.testing.assert_close(lifter._each_frame(points[0])[0], features)
