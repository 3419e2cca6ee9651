#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference.hpp"

/// Mapping, write, age and faults of the twin's cells.
namespace attohm {

namespace {

std::size_t valid_keys(const AttentionHead& head) {
    return static_cast<std::size_t>(head.valid_k);
}

/// Number of cells that hold one level, and what one of them holds.
struct Slicing {
    int slices = 1;
    int base = 0;  ///< 2^cell_bits; 0: the cell holds the level whole
    double dG_S = 0.0;
};

Slicing slicing(const SprintReferenceCodes& codes, const SprintReferenceSettings& settings) {
    const bool pair = settings.signs == ReferenceSigns::differential;
    const double largest = pair ? codes.cell_levels : 2.0 * codes.cell_levels - 1.0;
    const double range_S = settings.G_max_S - settings.G_min_S;
    if (!settings.cell_bits) return {1, 0, range_S / largest};
    ATTOHM_CHECK(settings.k_bits.has_value());
    ATTOHM_CHECK_LE(1, *settings.cell_bits);
    // B bits count to 2^B - 1; the magnitude 2^(B-1) of a pair needs as many.
    if (*settings.cell_bits >= *settings.k_bits) return {1, 0, range_S / largest};
    const int slices = (*settings.k_bits + *settings.cell_bits - 1) / *settings.cell_bits;
    const int base = 1 << *settings.cell_bits;
    return {slices, base, range_S / (base - 1.0)};
}

/// What the cells of one plane hold of level m.
double digit_of(double m, bool pair, bool minus, int slice, const Slicing& cut,
                double cell_levels) {
    double held = m + cell_levels;
    if (pair) held = std::max(minus ? -m : m, 0.0);
    if (cut.base == 0) return held;
    ATTOHM_CHECK_LE(0.0, held);
    for (int s = 0; s < slice; ++s) held = std::floor(held / cut.base);
    return std::fmod(held, cut.base);
}

struct Written {
    double G_S = 0.0;
    bool floored = false;
    bool ceiled = false;
};

Written clip_S(double G_S, const SprintReferenceSettings& settings) {
    if (G_S < settings.G_floor_S) return {settings.G_floor_S, true, false};
    if (settings.G_ceiling_S && G_S > *settings.G_ceiling_S)
        return {*settings.G_ceiling_S, false, true};
    return {G_S, false, false};
}

/// One cell as the write left it, not clipped.
double write_S(double target_S, double normal, const SprintReferenceSettings& settings) {
    double G_S = target_S;
    if (settings.programming_bias_S) G_S += settings.programming_bias_S(target_S);
    if (settings.programming_sigma_S) G_S += settings.programming_sigma_S(target_S) * normal;
    return G_S;
}

/// Fault of element i in one column of a group's arrays, by the stream of the part's array.
std::uint8_t fault_at(const DrawSite& site, std::uint64_t plane, const ReferencePlaces& places,
                      std::size_t group, std::size_t column, std::size_t i,
                      const SprintReferenceSettings& settings) {
    const std::size_t array = places.physical(group, places.part(i));
    const std::size_t row = i - places.part(i) * places.rows;
    if (settings.fault) return settings.fault(plane, array, column, row);
    const double uniform =
        stuck_fault_stream(site, array, plane).uniform32(column * settings.array_rows + row);
    if (uniform < settings.stuck_low_rate) return 1;
    return uniform < settings.stuck_low_rate + settings.stuck_high_rate ? 2 : 0;
}

/// A cell with its fault, if any.
double with_fault_S(double G_S, std::uint8_t fault, const SprintReferenceSettings& settings) {
    if (fault == 1) return 1.0 / settings.stuck_low_ohm;
    return fault == 2 ? 1.0 / settings.stuck_high_ohm : G_S;
}

double target_S(double digit, double dG_S, const SprintReferenceSettings& settings) {
    return settings.G_min_S + dG_S * digit;
}

/// The cells of all valid keys in one plane.
void write_keys(const AttentionHead& head, const ReferencePlaces& places,
                const SprintReferenceSettings& settings, const DrawSite& site,
                SprintReferencePlane& plane, SprintReferenceCells& cells) {
    const Stream programming = programming_stream(site, plane.id);
    for (std::size_t j = 0; j < valid_keys(head); ++j) {
        for (std::size_t i = 0; i < head.d(); ++i) {
            const double target = target_S(plane.digit(j, i), cells.dG_S, settings);
            const double G_S =
                settings.written_S
                    ? settings.written_S(plane.id, j, i, target)
                    : write_S(target, programming.normal(j * head.d() + i), settings);
            plane.written_S(j, i) = G_S;
            plane.stuck(j, i) =
                fault_at(site, plane.id, places, places.array(j), places.slot(j), i, settings);
            const Written one = clip_S(G_S, settings);
            ++cells.cells;
            cells.floored += one.floored;
            cells.ceiled += one.ceiled;
            cells.stuck += plane.stuck(j, i) != 0;
        }
    }
}

/// The reference column of every array in one plane.
void write_references(const AttentionHead& head, const ReferencePlaces& places,
                      const SprintReferenceSettings& settings, const DrawSite& site,
                      SprintReferencePlane& plane, SprintReferenceCells& cells) {
    const double target = target_S(plane.reference_digit, cells.dG_S, settings);
    plane.reference_S = Matrix<double>(places.arrays(valid_keys(head)), places.d);
    plane.reference_stuck =
        Matrix<std::uint8_t>(plane.reference_S.rows(), plane.reference_S.cols());
    for (std::size_t a = 0; a < plane.reference_S.rows(); ++a) {
        const Stream programming = reference_programming_stream(site, a, plane.id);
        for (std::size_t i = 0; i < plane.reference_S.cols(); ++i) {
            plane.reference_S(a, i) = settings.reference_written_S
                                          ? settings.reference_written_S(plane.id, a, i, target)
                                          : write_S(target, programming.normal(i), settings);
            plane.reference_stuck(a, i) =
                fault_at(site, plane.id, places, a, settings.array_columns, i, settings);
            const Written one = clip_S(plane.reference_S(a, i), settings);
            ++cells.reference_cells;
            cells.reference_floored += one.floored;
            cells.reference_ceiled += one.ceiled;
            cells.reference_stuck += plane.reference_stuck(a, i) != 0;
        }
    }
}

/// All planes with their targets, nothing written.
std::vector<SprintReferencePlane> make_planes(const AttentionHead& head,
                                              const SprintReferenceCodes& codes,
                                              const SprintReferenceSettings& settings) {
    const Slicing cut = slicing(codes, settings);
    const bool pair = settings.signs == ReferenceSigns::differential;
    std::vector<SprintReferencePlane> planes;
    for (int slice = 0; slice < cut.slices; ++slice)
        for (const bool minus : {false, true}) {
            if (minus && !pair) continue;
            SprintReferencePlane plane;
            plane.id = plane_id(minus ? Polarity::minus : Polarity::plus, slice);
            plane.weight = (minus ? -1.0 : 1.0) * std::pow(cut.base, slice);
            plane.digit = plane.written_S = Matrix<double>(head.n_k(), head.d());
            plane.stuck = Matrix<std::uint8_t>(head.n_k(), head.d());
            for (std::size_t j = 0; j < valid_keys(head); ++j)
                for (std::size_t i = 0; i < head.d(); ++i)
                    plane.digit(j, i) =
                        digit_of(codes.k_level(j, i), pair, minus, slice, cut, codes.cell_levels);
            if (!pair)
                plane.reference_digit = digit_of(0.0, pair, minus, slice, cut, codes.cell_levels);
            planes.push_back(std::move(plane));
        }
    return planes;
}

/// What the cells of slice 0 are after the write, faults included.
void copy_first_slice(const AttentionHead& head, const SprintReferenceSettings& settings,
                      SprintReferenceCells& cells) {
    const bool pair = settings.signs == ReferenceSigns::differential;
    for (std::size_t p = 0; p < (pair ? 2U : 1U); ++p) {
        Matrix<double>& G_S = p == 0 ? cells.G_plus_S : cells.G_minus_S;
        Matrix<double>& error_S = p == 0 ? cells.error_plus_S : cells.error_minus_S;
        const SprintReferencePlane& plane = cells.planes[p];
        G_S = error_S = Matrix<double>(head.n_k(), head.d());
        for (std::size_t j = 0; j < valid_keys(head); ++j)
            for (std::size_t i = 0; i < head.d(); ++i) {
                G_S(j, i) = with_fault_S(clip_S(plane.written_S(j, i), settings).G_S,
                                         plane.stuck(j, i), settings);
                error_S(j, i) = G_S(j, i) - target_S(plane.digit(j, i), cells.dG_S, settings);
            }
    }
}

/// The digit that the cells of one slice say: of a pair their difference.
double sensed_digit(const SprintReferenceCells& cells, const SprintReferenceSnapshot& shot,
                    std::size_t first, std::size_t j, std::size_t i, double largest,
                    const SprintReferenceSettings& settings) {
    if (settings.signs == ReferenceSigns::differential) {
        const double dG = shot.G_S[first](j, i) - shot.G_S[first + 1](j, i);
        return std::clamp(std::nearbyint(dG / cells.dG_S), -largest, largest);
    }
    const double G_S = shot.G_S[first](j, i) - settings.G_min_S;
    return std::clamp(std::nearbyint(G_S / cells.dG_S), 0.0, largest);
}

/// m^ of every element, digit by digit, from cells of the first read's age.
void sense_levels(const AttentionHead& head, const SprintReferenceCodes& codes,
                  const SprintReferenceSettings& settings, const DrawSite& site,
                  SprintReferenceCells& cells) {
    cells.k_sensed = Matrix<int>(head.n_k(), head.d());
    if (!settings.k_bits) return;
    const bool pair = settings.signs == ReferenceSigns::differential;
    const double levels = codes.cell_levels;
    const double largest =
        std::nearbyint((settings.G_max_S - settings.G_min_S) / slicing(codes, settings).dG_S);
    const auto shot = sprint_reference_snapshot(head, cells, settings, site, 0);
    for (std::size_t j = 0; j < valid_keys(head); ++j)
        for (std::size_t i = 0; i < head.d(); ++i) {
            double read = pair ? 0.0 : -levels;
            for (std::size_t p = 0; p < cells.planes.size(); p += pair ? 2 : 1)
                read +=
                    cells.planes[p].weight * sensed_digit(cells, shot, p, j, i, largest, settings);
            const double sensed = std::clamp(read, -levels, levels - 1.0);
            cells.k_sensed(j, i) = static_cast<int>(sensed);
            cells.level_errors += sensed != codes.k_level(j, i);
        }
}

/// Conductance at the temperature of the read, from the one at the card's reference.
double at_temperature_S(double G_S, const SprintReferenceSettings& settings) {
    return settings.temperature_factor ? G_S * settings.temperature_factor(G_S) : G_S;
}

/// G_w at an age, not clipped.
double aged_S(double G_w_S, double age_s, double normal, const SprintReferenceSettings& settings) {
    if (settings.aged_S) return settings.aged_S(G_w_S, age_s, normal);
    double G_S = G_w_S;
    if (settings.relaxation_mean_S) G_S += settings.relaxation_mean_S(G_w_S, age_s);
    if (settings.relaxation_sigma_S) G_S += settings.relaxation_sigma_S(G_w_S, age_s) * normal;
    return G_S;
}

/// The cells of all valid keys in one plane, as query t meets them.
void snapshot_keys(const AttentionHead& head, const SprintReferenceCells& cells,
                   const SprintReferencePlane& plane, const SprintReferenceSettings& settings,
                   const DrawSite& site, std::size_t t, SprintReferenceSnapshot& shot) {
    const Stream relaxation = relaxation_stream(site, plane.id);
    Matrix<double> G_S(head.n_k(), head.d()), error_S(head.n_k(), head.d());
    for (std::size_t j = 0; j < valid_keys(head); ++j) {
        const double age_s =
            std::max(reference_age_s(head, settings, j, t), settings.relaxation_t0_s);
        for (std::size_t i = 0; i < head.d(); ++i) {
            const double normal = relaxation.normal(j * head.d() + i);
            const Written aged =
                clip_S(aged_S(plane.written_S(j, i), age_s, normal, settings), settings);
            shot.floored += aged.floored;
            shot.ceiled += aged.ceiled;
            G_S(j, i) =
                with_fault_S(at_temperature_S(aged.G_S, settings), plane.stuck(j, i), settings);
            double slow = 0.0;
            if (settings.frozen_deviation) slow += settings.frozen_deviation(plane.id, j, i);
            if (settings.slow_deviation) slow += settings.slow_deviation(plane.id, j, i, t);
            const double target = target_S(plane.digit(j, i), cells.dG_S, settings);
            error_S(j, i) = G_S(j, i) - target + slow * G_S(j, i);
        }
    }
    shot.G_S.push_back(std::move(G_S));
    shot.error_S.push_back(std::move(error_S));
}

/// The reference columns in one plane, as old as the oldest key.
void snapshot_references(const AttentionHead& head, const SprintReferenceCells& cells,
                         const SprintReferencePlane& plane, const SprintReferenceSettings& settings,
                         const DrawSite& site, std::size_t t, SprintReferenceSnapshot& shot) {
    const double age_s = std::max(reference_age_s(head, settings, 0, t), settings.relaxation_t0_s);
    const double target = target_S(plane.reference_digit, cells.dG_S, settings);
    Matrix<double> G_S(plane.reference_S.rows(), plane.reference_S.cols());
    Matrix<double> error_S = G_S;
    for (std::size_t a = 0; a < G_S.rows(); ++a) {
        const Stream relaxation = reference_relaxation_stream(site, a, plane.id);
        for (std::size_t i = 0; i < G_S.cols(); ++i) {
            const double aged =
                aged_S(plane.reference_S(a, i), age_s, relaxation.normal(i), settings);
            const double hot = at_temperature_S(clip_S(aged, settings).G_S, settings);
            G_S(a, i) = with_fault_S(hot, plane.reference_stuck(a, i), settings);
            double slow = 0.0;
            if (settings.reference_deviation)
                slow = settings.reference_deviation(plane.id, a, i, t);
            error_S(a, i) = G_S(a, i) - target + slow * G_S(a, i);
        }
    }
    shot.reference_G_S.push_back(std::move(G_S));
    shot.reference_error_S.push_back(std::move(error_S));
}

}  // namespace

ReferencePlaces reference_places(const AttentionHead& head,
                                 const SprintReferenceSettings& settings) {
    ATTOHM_CHECK_LT(std::size_t{0}, settings.array_rows);
    ReferencePlaces places;
    places.d = head.d();
    places.rows = settings.array_rows;
    places.parts = std::max<std::size_t>(1, (places.d + places.rows - 1) / places.rows);
    places.keys_per_array = settings.array_columns;
    ATTOHM_CHECK_LT(std::size_t{0}, places.keys_per_array);
    return places;
}

SprintReferenceCells sprint_reference_cells(const AttentionHead& head,
                                            const SprintReferenceCodes& codes,
                                            const SprintReferenceSettings& settings,
                                            const DrawSite& site) {
    ATTOHM_CHECK_LT(settings.G_min_S, settings.G_max_S);
    const ReferencePlaces places = reference_places(head, settings);
    SprintReferenceCells cells;
    cells.dG_S = slicing(codes, settings).dG_S;
    cells.planes = make_planes(head, codes, settings);
    for (SprintReferencePlane& plane : cells.planes) {
        write_keys(head, places, settings, site, plane, cells);
        if (settings.signs == ReferenceSigns::offset)
            write_references(head, places, settings, site, plane, cells);
    }
    copy_first_slice(head, settings, cells);
    sense_levels(head, codes, settings, site, cells);
    return cells;
}

double reference_age_s(const AttentionHead& head, const SprintReferenceSettings& settings,
                       std::size_t j, std::size_t t) {
    const auto later = static_cast<double>(head.valid_k) - 1.0 - static_cast<double>(j);
    return settings.age_delay_s + later * settings.age_write_interval_s +
           static_cast<double>(t) * settings.age_read_interval_s;
}

SprintReferenceSnapshot sprint_reference_snapshot(const AttentionHead& head,
                                                  const SprintReferenceCells& cells,
                                                  const SprintReferenceSettings& settings,
                                                  const DrawSite& site, std::size_t query) {
    SprintReferenceSnapshot shot;
    if (settings.relaxation_mean_S || settings.relaxation_sigma_S || settings.aged_S)
        for (std::size_t j = 0; j < valid_keys(head); ++j)
            shot.age_clamped +=
                reference_age_s(head, settings, j, query) < settings.relaxation_t0_s;
    for (const SprintReferencePlane& plane : cells.planes) {
        snapshot_keys(head, cells, plane, settings, site, query, shot);
        snapshot_references(head, cells, plane, settings, site, query, shot);
    }
    return shot;
}

}  // namespace attohm
