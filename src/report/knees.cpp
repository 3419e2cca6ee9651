#include "src/report/knees.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/text.hpp"
#include "src/report/format.hpp"
#include "src/report/html.hpp"
#include "src/report/metrics.hpp"

namespace attohm {

namespace {

constexpr std::size_t kLeastPoints = 3;  ///< of a slice with a knee

/// "K bits and margin": the axes that slices differ in.
std::string other_axes(const Group& group, std::size_t axis) {
    std::vector<std::string> words;
    for (std::size_t a = 0; a < group.axes.size(); ++a)
        if (a != axis) words.push_back(group.axes[a].word);
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i)
        text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " and ") + words[i];
    return text;
}

std::string one_knee(const std::string& key, const SliceKnee& slice, bool with_label) {
    const NoiseKnee& knee = slice.knee;
    const std::string where = with_label ? fmt::format(" ({})", slice.label) : "";
    if (!knee.first_lost)
        return fmt::format(
            "No knee up to {} = {}{}: top-1 has not dropped by more than its paired interval.", key,
            format_real(knee.last_held), where);
    return fmt::format("Knee of {}: top-1 holds up to {}; at {} it has changed by {} against {}{}.",
                       key, format_real(knee.last_held), format_real(*knee.first_lost),
                       format_change(knee.change), format_real(slice.base), where);
}

/// "64", or "64 to 128" where they differ.
std::string range_text(double least, double most) {
    return least == most ? format_real(least) : format_real(least) + " to " + format_real(most);
}

/// All slices in one sentence: how many lose, the first and the last of them, how far the others
/// go.
std::string many_knees(const Group& group, std::size_t axis, const std::vector<SliceKnee>& knees) {
    std::vector<const SliceKnee*> lost, held;
    for (const SliceKnee& slice : knees) (slice.knee.first_lost ? lost : held).push_back(&slice);
    const auto by_held = [](const SliceKnee* a, const SliceKnee* b) {
        return a->knee.last_held < b->knee.last_held;
    };
    const std::string& key = group.axes[axis].key;
    const std::string others = other_axes(group, axis);
    std::string reach;
    if (!held.empty()) {
        const auto [least, most] = std::minmax_element(held.begin(), held.end(), by_held);
        reach = range_text((*least)->knee.last_held, (*most)->knee.last_held);
    }
    if (lost.empty())
        return fmt::format(
            "No knee up to {} = {} in any of {} settings of {}: top-1 has not dropped by more than "
            "its paired interval.",
            key, reach, knees.size(), others);
    const auto at_knee = [](const SliceKnee& slice) {
        return fmt::format("{} holds up to {}, at {} it has changed by {} against {}", slice.label,
                           format_real(slice.knee.last_held), format_real(*slice.knee.first_lost),
                           format_change(slice.knee.change), format_real(slice.base));
    };
    const auto [first, last] = std::minmax_element(lost.begin(), lost.end(), by_held);
    std::string text = fmt::format("Knee of {}: top-1 drops in {} of {} settings of {}. ", key,
                                   lost.size(), knees.size(), others);
    text += lost.size() == 1
                ? at_knee(**first)
                : fmt::format("First: {}. Last: {}", at_knee(**first), at_knee(**last));
    if (!held.empty()) text += fmt::format(". The other {} hold up to {}", held.size(), reach);
    return text + ".";
}

std::string energy_knee_sentence(const Group& group) {
    const auto knee = energy_knee(group);
    if (!knee || group.points.size() < 2) return "";
    const Point &best = group.points[knee->best], &cheapest = group.points[knee->cheapest];
    const bool by_top1 = top1(best).has_value();
    const auto quality = by_top1 ? top1 : perplexity;
    const MachineOutcome& machine = group.shown().first().machines.front();
    std::string text = fmt::format(
        "Of {} settings the cheapest whose {} is not worse than the best ({:.3f}) by more than the "
        "paired interval is {}: {} {}",
        group.points.size(), by_top1 ? "top-1" : "perplexity", quality(best)->value,
        point_label(group, cheapest), by_top1 ? "top-1" : "perplexity",
        format_interval(*quality(cheapest)));
    if (by_top1 && knee->best != knee->cheapest)
        text += fmt::format(", {} against the best, paired,",
                            format_change(*paired_change(best, cheapest)));
    return text + fmt::format(" for {} per inference on {} ({} prices, operand writes included).",
                              format_si(energy_J(cheapest, machine.machine)->mean, "J"),
                              machine.machine, machine.headline);
}

}  // namespace

std::optional<NoiseKnee> noise_knee(std::span<const NoisePoint> points) {
    if (points.size() < 2) return std::nullopt;
    NoiseKnee knee{points.front().noise, std::nullopt, points.back().change};
    for (const NoisePoint& p : points.subspan(1)) {
        if (p.change.high < 0.0) {
            knee.first_lost = p.noise;
            knee.change = p.change;
            break;
        }
        knee.last_held = p.noise;
    }
    return knee;
}

std::vector<SliceKnee> noise_knees(const Group& group, std::size_t axis) {
    std::vector<SliceKnee> knees;
    for (const Slice& slice : slices_along(group, axis, kLeastPoints)) {
        std::vector<NoisePoint> points;
        for (const Point* p : slice.points)
            if (const auto change = paired_change(*slice.points.front(), *p))
                points.push_back({group.number(*p, axis), *change});
        if (points.size() == slice.points.size())
            knees.push_back({slice.points.front()->values, slice.label, points.front().noise,
                             *noise_knee(points)});
    }
    return knees;
}

std::optional<EnergyKnee> energy_knee(std::span<const EnergyPoint> points,
                                      const PairedChange& change) {
    if (points.empty()) return std::nullopt;
    EnergyKnee knee;
    for (std::size_t i = 1; i < points.size(); ++i) {
        const EnergyPoint& best = points[knee.best];
        if (points[i].top1.value > best.top1.value ||
            (points[i].top1.value == best.top1.value && points[i].energy_J < best.energy_J))
            knee.best = i;
    }
    knee.cheapest = knee.best;
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].energy_J >= points[knee.cheapest].energy_J) continue;
        const std::optional<Interval> worse = change(knee.best, i);
        if (worse && worse->high >= 0.0) knee.cheapest = i;
    }
    return knee;
}

std::optional<EnergyKnee> energy_knee(const Group& group) {
    std::vector<EnergyPoint> points;
    for (const Point& p : group.points) {
        const auto& machines = p.first().machines;
        const auto quality = merit(p);
        const auto energy = machines.empty() ? std::nullopt : energy_J(p, machines[0].machine);
        if (!quality || !energy) return std::nullopt;
        points.push_back({energy->mean, *quality});
    }
    return energy_knee(points, [&](std::size_t best, std::size_t other) {
        return paired_merit(group.points[best], group.points[other]);
    });
}

std::vector<std::string> knee_sentences(const Group& group) {
    std::vector<std::string> out;
    if (const auto axis = noise_axis(group)) {
        const std::vector<SliceKnee> knees = noise_knees(group, *axis);
        if (knees.size() == 1)
            out.push_back(one_knee(group.axes[*axis].key, knees[0], group.axes.size() > 1));
        if (knees.size() > 1) out.push_back(many_knees(group, *axis, knees));
    }
    if (std::string text = energy_knee_sentence(group); !text.empty()) out.push_back(text);
    return out;
}

std::string knees_table(const Group& group) {
    const auto axis = noise_axis(group);
    const std::vector<SliceKnee> knees =
        axis ? noise_knees(group, *axis) : std::vector<SliceKnee>();
    if (knees.size() < 2) return "";
    std::vector<std::string> heads;
    for (std::size_t a = 0; a < group.axes.size(); ++a)
        if (a != *axis) heads.push_back((group.axes[a].numeric ? "#" : "") + group.axes[a].word);
    for (const char* head : {"#Holds up to", "#Lost at", "#Change of top-1 there", "#Against"})
        heads.emplace_back(head);
    HtmlTable table("knees", heads);
    for (const SliceKnee& slice : knees) {
        std::vector<std::string> cells;
        for (std::size_t a = 0; a < group.axes.size(); ++a)
            if (a != *axis) cells.push_back(slice.values[a]);
        const NoiseKnee& knee = slice.knee;
        cells.insert(cells.end(), {format_real(knee.last_held),
                                   knee.first_lost ? format_real(*knee.first_lost) : "not lost",
                                   format_change(knee.change), format_real(slice.base)});
        table.row(cells);
    }
    return collapsed(
        fmt::format("Where top-1 is lost along {}, {} settings of {}", group.axes[*axis].key,
                    knees.size(), other_axes(group, *axis)),
        paragraph("Lost: the whole paired 0.95 interval of the change against the least value lies "
                  "below 0. Where it is not lost, the change is that at the largest value.") +
            table.take());
}

std::string knees_csv(std::span<const Result> results) {
    std::string text =
        "trace,mode,key,setting,base,holds_up_to,lost_at,top1_change_value,top1_change_low,"
        "top1_change_high\n";
    const auto quoted = [](std::string cell) {
        for (std::size_t at = 0; (at = cell.find('"', at)) != std::string::npos; at += 2)
            cell.insert(at, 1, '"');
        return "\"" + cell + "\"";
    };
    for (const Group& group : group_results(results)) {
        const auto axis = noise_axis(group);
        if (!axis) continue;
        for (const SliceKnee& slice : noise_knees(group, *axis)) {
            const NoiseKnee& knee = slice.knee;
            text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", quoted(group.trace_name),
                                group.mode, group.axes[*axis].key, quoted(slice.label),
                                format_real(slice.base), format_real(knee.last_held),
                                knee.first_lost ? format_real(*knee.first_lost) : "",
                                format_real(knee.change.value), format_real(knee.change.low),
                                format_real(knee.change.high));
        }
    }
    return text;
}

}  // namespace attohm
