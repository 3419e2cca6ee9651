#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference_parts.hpp"

/// Currents of the twin's columns: every cell of every step.
namespace attohm::reference {

ReadFrame::ReadFrame(const AttentionHead& head_, const SprintReferenceCodes& codes_,
                     const SprintReferenceCells& cells_, const SprintReferenceSettings& settings_,
                     const DrawSite& site_, std::size_t t_)
    : head(head_),
      codes(codes_),
      cells(cells_),
      settings(settings_),
      site(site_),
      t(t_),
      places(reference_places(head_, settings_)),
      shot(sprint_reference_snapshot(head_, cells_, settings_, site_, t_)),
      steps(reference_steps(codes_, t_, settings_)),
      unit_V(reference_unit_V(codes_, settings_)) {}

std::size_t ReadFrame::element(std::size_t event, std::size_t row) const {
    const std::size_t part = part_of(event);
    return row < places.depth(part) ? part * places.rows + row : places.d;
}

double ReadFrame::column_limit() const {
    return settings.i_max_A ? *settings.i_max_A / unit_A() : HUGE_VAL;
}

double white_sigma_S(double G_S, const SprintReferenceSettings& settings) {
    const double sigma_S = std::hypot(settings.read_sigma_rel * G_S, settings.read_sigma_S);
    // A step that integrates for a quarter of the time has twice the sigma.
    if (settings.read_sigma_time_s == 0.0) return sigma_S;
    return sigma_S * std::sqrt(settings.read_sigma_time_s / settings.t_read_s);
}

// -- noise of cells -------------------------------------------------------------------------------

CellNoise::CellNoise(const ReadFrame& frame, std::uint64_t repeat)
    : frame_(frame), silent_(false), common_(frame.arrays(), frame.places.parts) {
    for (std::size_t event = 0; event < frame.events(); ++event) {
        keys_.emplace_back();
        references_S_.emplace_back();
        for (std::size_t p = 0; p < frame.planes(); ++p) {
            const Stream own = column_noise_stream(frame.site, frame.cells.planes[p].id)
                                   .with({kCellTag, frame.t, repeat});
            keys_[event].push_back(event == 0 ? own : own.with(event));
            references_S_[event].emplace_back(frame.arrays(), frame.places.d);
        }
    }
    if (!frame.has_reference()) return;
    for (std::size_t a = 0; a < frame.arrays(); ++a) draw_reference(a);
}

double CellNoise::key_S(std::size_t event, std::size_t plane, std::size_t j, std::size_t i) const {
    if (silent_) return 0.0;
    const double sigma_S = white_sigma_S(frame_.shot.G_S[plane](j, i), frame_.settings);
    return sigma_S == 0.0 ? 0.0 : sigma_S * keys_[event][plane].normal(j * frame_.places.d + i);
}

double CellNoise::reference_S(std::size_t event, std::size_t plane, std::size_t array,
                              std::size_t i) const {
    return silent_ ? 0.0 : references_S_[event][plane](array, i);
}

double CellNoise::common(std::size_t array, std::size_t part) const {
    return silent_ ? 0.0 : common_(array, part);
}

void CellNoise::settle(std::size_t array, double given, const std::vector<ReferenceCell>& group) {
    double size = 0.0, along = 0.0;
    for (const ReferenceCell& cell : group) size = std::hypot(size, cell.share);
    if (size > 0.0)
        for (const ReferenceCell& cell : group) along += cell.share / size * cell.normal;
    for (const ReferenceCell& cell : group) {
        double normal = cell.normal;
        // What it has of the direction of the shares is exchanged.
        if (size > 0.0) normal += cell.share / size * (given - along);
        references_S_[cell.event][cell.plane](array, cell.element) = cell.sigma_S * normal;
        common_(array, frame_.part_of(cell.event)) -= cell.share * normal;
    }
}

void CellNoise::draw_reference(std::size_t array) {
    const ReadFrame& frame = frame_;
    std::vector<ReferenceCell> group;
    for (std::size_t event = 0; event < frame.events(); ++event) {
        const std::vector<Matrix<double>> sensitivity = reference_sensitivity(frame, event);
        for (std::size_t p = 0; p < frame.planes(); ++p) {
            const std::uint64_t id = frame.cells.planes[p].id;
            const Stream column = reference_column_noise_stream(frame.site, array, id, event);
            const Stream own = column.with({kCellTag, frame.t});
            const double weight = frame.weight(event, p);
            for (std::size_t r = 0; r < frame.places.depth(frame.part_of(event)); ++r) {
                const std::size_t i = frame.element(event, r);
                const double G_S = frame.shot.reference_G_S[p](array, i);
                const double sigma_S = white_sigma_S(G_S, frame.settings);
                const double share = weight * sensitivity[p](array, i) * sigma_S / frame.cells.dG_S;
                group.push_back({event, p, i, sigma_S, own.normal(i), share});
            }
            if (frame.one_reference_draw()) continue;
            // A physical column's draw has the sign of its current.
            settle(array, (weight < 0.0 ? -1.0 : 1.0) * column.normal(frame.t), group);
            group.clear();
        }
    }
    if (frame.one_reference_draw())
        settle(array, reference_noise_stream(frame.site, array).normal(frame.t), group);
}

// -- ideal wires ----------------------------------------------------------------------------------

namespace {

Current add_cell(Current sum, double bent, double digit, double error_S, const ReadFrame& frame) {
    sum.level += bent * digit;
    sum.base += bent * frame.settings.G_min_S / frame.cells.dG_S;
    sum.error += bent * error_S / frame.cells.dG_S;
    return sum;
}

Currents ideal_currents(const ReadFrame& frame, const CellNoise& noise, std::size_t event) {
    Currents currents;
    const std::vector<double>& bent = frame.step_of(event).bent;
    const std::size_t depth = frame.places.depth(frame.part_of(event));
    for (std::size_t p = 0; p < frame.planes(); ++p) {
        const SprintReferencePlane& plane = frame.cells.planes[p];
        currents.keys.emplace_back(frame.head.n_k());
        for (std::size_t j = 0; j < static_cast<std::size_t>(frame.head.valid_k); ++j)
            for (std::size_t r = 0; r < depth; ++r) {
                const std::size_t i = frame.element(event, r);
                const double error_S = frame.shot.error_S[p](j, i) + noise.key_S(event, p, j, i);
                Current& sum = currents.keys[p][j];
                sum = add_cell(sum, bent[i], plane.digit(j, i), error_S, frame);
            }
        currents.references.emplace_back(frame.arrays());
        for (std::size_t a = 0; frame.has_reference() && a < frame.arrays(); ++a)
            for (std::size_t r = 0; r < depth; ++r) {
                const std::size_t i = frame.element(event, r);
                const double error_S =
                    frame.shot.reference_error_S[p](a, i) + noise.reference_S(event, p, a, i);
                Current& sum = currents.references[p][a];
                sum = add_cell(sum, bent[i], plane.reference_digit, error_S, frame);
            }
    }
    return currents;
}

}  // namespace

Currents step_currents(const ReadFrame& frame, const CellNoise& noise, std::size_t event,
                       SolvedArrays& solved) {
    if (frame.settings.wires.none()) return ideal_currents(frame, noise, event);
    return wired_currents(frame, noise, event, solved);
}

std::vector<Matrix<double>> reference_sensitivity(const ReadFrame& frame, std::size_t event) {
    if (!frame.settings.wires.none()) return wired_reference_sensitivity(frame, event);
    Matrix<double> sensitivity(frame.arrays(), frame.places.d);
    for (std::size_t a = 0; a < sensitivity.rows(); ++a)
        for (std::size_t r = 0; r < frame.places.depth(frame.part_of(event)); ++r) {
            const std::size_t i = frame.element(event, r);
            sensitivity(a, i) = frame.step_of(event).bent[i];
        }
    return std::vector<Matrix<double>>(frame.planes(), sensitivity);
}

Contribution contribution(const ReadFrame& frame, const Currents& currents, std::size_t event,
                          std::size_t j) {
    Contribution sum;
    const double limit = frame.column_limit();
    // What a physical column carries beyond its limit is lost.
    const auto through = [limit](const Current& current, int& clipped) {
        const double lost = current.total() - std::clamp(current.total(), -limit, limit);
        clipped += lost != 0.0;
        return current.level + current.error - lost;
    };
    for (std::size_t p = 0; p < frame.planes(); ++p) {
        double current = through(currents.keys[p][j], sum.clipped);
        if (frame.has_reference())
            current -=
                through(currents.references[p][frame.places.array(j)], sum.reference_clipped);
        sum.value += frame.weight(event, p) * current;
    }
    return sum;
}

}  // namespace attohm::reference

namespace attohm {

using namespace reference;

namespace {

/// Outputs of all keys, part by part: [parts][n_k].
std::vector<std::vector<double>> part_outputs(const ReadFrame& frame, const CellNoise& noise,
                                              SolvedArrays& solved, SprintReferenceRead& read) {
    std::vector<std::vector<double>> outputs(frame.places.parts,
                                             std::vector<double>(frame.head.n_k(), 0.0));
    for (std::size_t event = 0; event < frame.events(); ++event) {
        const Currents currents = step_currents(frame, noise, event, solved);
        std::vector<int> reference_clipped(frame.arrays(), 0);
        for (std::size_t j = 0; j < frame.head.n_k(); ++j) {
            if (!frame.head.allowed(frame.t, j)) continue;
            const Contribution one = contribution(frame, currents, event, j);
            outputs[frame.part_of(event)][j] += one.value;
            read.column_clipped += one.clipped;
            reference_clipped[frame.places.array(j)] = one.reference_clipped;
        }
        for (const int clipped : reference_clipped) read.reference_clipped += clipped;
    }
    return outputs;
}

/// One query's decisions.
void decide(const ReadFrame& frame, const std::vector<std::vector<double>>& outputs,
            double threshold, std::uint64_t repeat, SprintReferenceRead& read) {
    const SprintReferenceSettings& settings = frame.settings;
    const bool comparators = settings.summation != ReferenceSummation::adc;
    const Stream latch_noise =
        comparator_noise_stream(frame.site).with({kCellTag, frame.t, repeat});
    const double noise = settings.comparator_noise_V / volts_per_unit(settings, frame.places);
    const double width = metastable_width(settings, frame.places);
    for (std::size_t j = 0; j < frame.head.n_k(); ++j) {
        if (!frame.head.allowed(frame.t, j)) continue;
        std::vector<double> parts;
        for (const std::vector<double>& output : outputs) parts.push_back(output[j]);
        for (const double part : parts) read.output(frame.t, j) += part;
        read.sensed(frame.t, j) = sense_parts(parts, settings, read.sense_clipped);

        double left = read.sensed(frame.t, j);
        double right = decision_level(frame.t, j, threshold, settings, frame.places, frame.site);
        bool kept = left >= right;
        if (comparators) {
            left += noise * latch_noise.normal(j);
            right += hysteresis_shift(read.latches[j], settings, frame.places);
            const bool undecided = std::abs(left - right) < width;
            kept = undecided ? resolved_kept(frame.t, j, frame.head.n_k(), settings, frame.site)
                             : left >= right;
            read.undecided(frame.t, j) = undecided;
            read.undecided_count += undecided;
            read.latches[j] = kept ? ReferenceLatch::kept : ReferenceLatch::pruned;
        }
        read.kept(frame.t, j) = kept;
    }
}

}  // namespace

SprintReferenceRead sprint_reference_read(
    const AttentionHead& head, const SprintReferenceCodes& codes, const SprintReferenceCells& cells,
    const std::vector<float>& thresholds, const SprintReferenceSettings& settings,
    const DrawSite& site, std::uint64_t repeat, std::vector<ReferenceLatch> latches) {
    SprintReferenceRead read;
    read.output = read.sensed = Matrix<double>(head.n_q(), head.n_k());
    read.kept = read.undecided = Matrix<std::uint8_t>(head.n_q(), head.n_k());
    read.latches = starting_latches(head.n_k(), settings, std::move(latches));
    SolvedArrays solved;
    for (std::size_t t = 0; t < static_cast<std::size_t>(head.valid_q); ++t) {
        const ReadFrame frame(head, codes, cells, settings, site, t);
        read.floored += frame.shot.floored;
        read.ceiled += frame.shot.ceiled;
        read.age_clamped += frame.shot.age_clamped;
        const auto outputs = part_outputs(frame, CellNoise(frame, repeat), solved, read);
        decide(frame, outputs, static_cast<double>(thresholds[t]), repeat, read);
    }
    return read;
}

}  // namespace attohm
