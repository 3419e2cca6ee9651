#include <cmath>
#include <cstdlib>

#include "src/base/error.hpp"
#include "tests/reference/sprint_reference.hpp"

/// What the twin's word lines do, step by step.
namespace attohm {

namespace {

/// The codes of one query, and what a step makes of one of them.
struct Query {
    const Matrix<double>& q_line;
    std::size_t t;

    template <class Function>
    ReferenceStep step(double weight, Function drive_of) const {
        ReferenceStep one;
        one.weight = weight;
        for (std::size_t i = 0; i < q_line.cols(); ++i) one.drive.push_back(drive_of(q_line(t, i)));
        return one;
    }
};

/// The magnitude's share in one step, with the sign of the code.
double signed_as(double n, double magnitude) {
    return n < 0.0 ? -magnitude : magnitude;
}

bool bit_of(double magnitude, int bit) {
    return (static_cast<int>(magnitude) >> bit & 1) != 0;
}

/// Bipolar drive: the steps of the coding, with signs.
std::vector<ReferenceStep> signed_steps(const Query& query, int bits, int levels,
                                        ReferenceCoding coding) {
    std::vector<ReferenceStep> steps;
    if (coding == ReferenceCoding::amplitude) {
        steps.push_back(query.step(1.0, [](double n) { return n; }));
    } else if (coding == ReferenceCoding::bit_serial) {
        // The magnitude has one bit less than the code.
        for (int b = 0; b < bits - 1; ++b)
            steps.push_back(query.step(std::exp2(b), [b](double n) {
                return signed_as(n, bit_of(std::abs(n), b) ? 1.0 : 0.0);
            }));
    } else {
        for (int pulse = 1; pulse <= levels; ++pulse)
            steps.push_back(query.step(
                1.0, [pulse](double n) { return signed_as(n, std::abs(n) >= pulse ? 1.0 : 0.0); }));
    }
    return steps;
}

/// All steps with what is positive, then all with what is negative, subtracted.
std::vector<ReferenceStep> two_phases(const std::vector<ReferenceStep>& steps) {
    std::vector<ReferenceStep> phases;
    for (const double sign : {1.0, -1.0})
        for (const ReferenceStep& step : steps) {
            ReferenceStep phase;
            phase.weight = sign * step.weight;
            for (const double n : step.drive) phase.drive.push_back(std::max(sign * n, 0.0));
            phases.push_back(std::move(phase));
        }
    return phases;
}

/// n = -2^(bits-1) b_(bits-1) + sum 2^b b_b.
std::vector<ReferenceStep> complement_steps(const Query& query, int bits) {
    std::vector<ReferenceStep> steps;
    for (int b = 0; b < bits; ++b) {
        const double weight = b + 1 == bits ? -std::exp2(b) : std::exp2(b);
        steps.push_back(query.step(weight, [b, bits](double n) {
            const double code = n < 0.0 ? n + std::exp2(bits) : n;
            return bit_of(code, b) ? 1.0 : 0.0;
        }));
    }
    return steps;
}

}  // namespace

double reference_unit_V(const SprintReferenceCodes& codes,
                        const SprintReferenceSettings& settings) {
    if (settings.coding == ReferenceCoding::amplitude) return settings.V_read_V / codes.line_levels;
    return settings.V_read_V;
}

std::vector<ReferenceStep> reference_steps(const SprintReferenceCodes& codes, std::size_t t,
                                           const SprintReferenceSettings& settings) {
    const bool amplitude = settings.coding == ReferenceCoding::amplitude;
    ATTOHM_CHECK(amplitude || settings.q_bits.has_value());
    const int bits = settings.q_bits.value_or(0);
    const Query query{codes.q_line, t};
    std::vector<ReferenceStep> steps;
    if (settings.drive == ReferenceDrive::twos_complement) {
        ATTOHM_CHECK(settings.coding == ReferenceCoding::bit_serial);
        steps = complement_steps(query, bits);
    } else {
        steps = signed_steps(query, bits, static_cast<int>(codes.line_levels), settings.coding);
        if (settings.drive == ReferenceDrive::two_phase) steps = two_phases(steps);
    }

    const double unit_V = reference_unit_V(codes, settings);
    for (ReferenceStep& step : steps) {
        step.bent = step.drive;
        if (!settings.iv_shape_V) continue;
        for (double& n : step.bent) n = settings.iv_shape_V(n * unit_V) / unit_V;
    }
    return steps;
}

}  // namespace attohm
