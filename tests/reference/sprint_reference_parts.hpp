#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/reference/nodal_reference.hpp"
#include "tests/reference/sprint_reference.hpp"

/// Inside the twin: currents of one step, and the noise of single cells.
namespace attohm::reference {

/// Marks the twin's own streams of cells and comparators.
inline constexpr std::uint64_t kCellTag = 0x63656c6c;

/// One read of one query, put together once: what all its steps share.
struct ReadFrame {
    const AttentionHead& head;
    const SprintReferenceCodes& codes;
    const SprintReferenceCells& cells;
    const SprintReferenceSettings& settings;
    const DrawSite& site;
    std::size_t t;
    ReferencePlaces places;
    SprintReferenceSnapshot shot;
    std::vector<ReferenceStep> steps;
    double unit_V;  ///< volts of a drive of one

    ReadFrame(const AttentionHead& head, const SprintReferenceCodes& codes,
              const SprintReferenceCells& cells, const SprintReferenceSettings& settings,
              const DrawSite& site, std::size_t t);

    std::size_t planes() const { return cells.planes.size(); }
    std::size_t arrays() const { return places.arrays(static_cast<std::size_t>(head.valid_k)); }
    bool has_reference() const { return settings.signs == ReferenceSigns::offset; }
    /// Steps of the whole read, all parts.
    std::size_t events() const { return steps.size() * places.parts; }
    const ReferenceStep& step_of(std::size_t event) const { return steps[event / places.parts]; }
    std::size_t part_of(std::size_t event) const { return event % places.parts; }
    /// Weight of a plane's current in the score, in one step.
    double weight(std::size_t event, std::size_t plane) const {
        return step_of(event).weight * cells.planes[plane].weight;
    }
    /// Element of q that drives row r of the part's array; d where none does.
    std::size_t element(std::size_t event, std::size_t row) const;
    /// Amperes of one integer unit before its weights.
    double unit_A() const { return unit_V * cells.dG_S; }
    /// Largest physical column in these units; infinite where nothing limits it.
    double column_limit() const;
    /// Whether the output is linear in all columns, so that the reference needs one draw.
    bool one_reference_draw() const {
        return !settings.i_max_A && settings.summation == ReferenceSummation::current;
    }
};

/// Standard deviation in siemens of the white noise of one cell in one step.
double white_sigma_S(double G_S, const SprintReferenceSettings& settings);

/// White noise of all cells in one read, in siemens.
class CellNoise {
  public:
    /// Nothing moves.
    explicit CellNoise(const ReadFrame& frame) : frame_(frame) {}
    /// One draw per cell and step. The cells of a reference column are drawn such that their sum in
    /// the output is the common draw of draws.hpp: one a read where the output is linear in it,
    /// else one a step and physical column.
    CellNoise(const ReadFrame& frame, std::uint64_t repeat);

    double key_S(std::size_t event, std::size_t plane, std::size_t j, std::size_t i) const;
    /// `i`: element of the key.
    double reference_S(std::size_t event, std::size_t plane, std::size_t array,
                       std::size_t i) const;
    /// What the reference columns' noise adds to the outputs of one part of an array, integer
    /// units.
    double common(std::size_t array, std::size_t part) const;

  private:
    struct ReferenceCell {
        std::size_t event, plane, element;
        double sigma_S, normal;
        double share;  ///< of the reference's current in the score, per standard normal
    };
    void draw_reference(std::size_t array);
    /// Sets the noise of some cells: their normals, free but for the weighted sum, which is given.
    void settle(std::size_t array, double given, const std::vector<ReferenceCell>& group);

    const ReadFrame& frame_;
    bool silent_ = true;
    std::vector<std::vector<Stream>> keys_;                  ///< [events][planes]
    std::vector<std::vector<Matrix<double>>> references_S_;  ///< [events][planes] [arrays, d]
    Matrix<double> common_;                                  ///< [arrays, parts]
};

/// One physical column in one step, in units of unit_A.
struct Current {
    double level = 0.0;  ///< of the digits held: exact
    double base = 0.0;   ///< of G_min, which cancels in the score
    double error = 0.0;  ///< everything else
    double total() const { return level + base + error; }
};

/// All physical columns in one step.
struct Currents {
    std::vector<std::vector<Current>> keys;        ///< [planes][n_k]; of the part that is read
    std::vector<std::vector<Current>> references;  ///< [planes][arrays]
};

/// Networks solved last, one per array: solved again where a conductance changed.
struct SolvedArrays {
    struct One {
        Matrix<double> conductance_S;
        std::unique_ptr<NodalReference> network;
    };
    std::vector<One> arrays;
};

/// Ideal wires, or the circuit of wire_array.hpp where the settings have any resistance.
Currents step_currents(const ReadFrame& frame, const CellNoise& noise, std::size_t event,
                       SolvedArrays& solved);
Currents wired_currents(const ReadFrame& frame, const CellNoise& noise, std::size_t event,
                        SolvedArrays& solved);
/// d(current of the reference column) / d(conductance of its cell of this element), in units of
/// unit_V; [planes] [arrays, d], of the part that is read.
std::vector<Matrix<double>> reference_sensitivity(const ReadFrame& frame, std::size_t event);
std::vector<Matrix<double>> wired_reference_sensitivity(const ReadFrame& frame, std::size_t event);

/// What the wires leave of the columns of every key in an array whose cells all hold the mean digit
/// of their plane: measured with the same voltage on all rows.
std::vector<double> wire_gains(const ReadFrame& frame);
/// What temperature leaves of a step of conductance about the mean digits.
double cell_gain(const ReadFrame& frame);

/// What one step and part adds to the output of key j, and what clipped.
struct Contribution {
    double value = 0.0;
    int clipped = 0;            ///< physical columns of the key
    int reference_clipped = 0;  ///< of the reference
};
Contribution contribution(const ReadFrame& frame, const Currents& currents, std::size_t event,
                          std::size_t j);

/// Volts at the comparator of one integer unit; the mean of P parts has a P-th of it.
double volts_per_unit(const SprintReferenceSettings& settings, const ReferencePlaces& places);
/// What is compared, but for the comparator's noise: outputs of the parts, clipped or converted.
/// `clipped` is raised by the sense outputs (or conversions) beyond full scale.
double sense_parts(const std::vector<double>& parts, const SprintReferenceSettings& settings,
                   std::int64_t& clipped);

/// Codes of one conversion run over +- this.
double adc_levels(const SprintReferenceSettings& settings);
/// Integer units of a sum of codes, in float as thresholds are: equal codes tie.
double adc_value(double codes, const SprintReferenceSettings& settings);

/// What stands against the output of key j in query t, integer units, no decision remembered: the
/// threshold with its gain and noise, less the comparator's offset.
double decision_level(std::size_t t, std::size_t j, double threshold,
                      const SprintReferenceSettings& settings, const ReferencePlaces& places,
                      const DrawSite& site);
/// Shift of the level by what the comparator decided last.
double hysteresis_shift(ReferenceLatch latch, const SprintReferenceSettings& settings,
                        const ReferencePlaces& places);
/// Half the width in which a comparator stays undecided, integer units.
double metastable_width(const SprintReferenceSettings& settings, const ReferencePlaces& places);
/// How an undecided comparator is resolved.
bool resolved_kept(std::size_t t, std::size_t j, std::size_t n_k,
                   const SprintReferenceSettings& settings, const DrawSite& site);
/// Latches before query 0.
std::vector<ReferenceLatch> starting_latches(std::size_t n_k,
                                             const SprintReferenceSettings& settings,
                                             std::vector<ReferenceLatch> given);

}  // namespace attohm::reference
