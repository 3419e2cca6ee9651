#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "src/base/settings.hpp"

/// The card's numbers as the referee reads them, in SI: with units and laws of its own, so that a
/// factor that went wrong between the file and the model is seen. Nothing here may use the readers
/// of crossbar/device.
namespace attohm {

struct CardNumbers {
    explicit CardNumbers(const Settings& card);

    double g_min_S = 0.0, g_max_S = 0.0, floor_S = 0.0;
    double ceiling_S = std::numeric_limits<double>::infinity();
    double age_high_s = std::numeric_limits<double>::infinity();
    double read_high_V = std::numeric_limits<double>::infinity();

    /// Programming error. Conductances in uS in and out, as in the card.
    struct Programming {
        bool given = false;
        std::string law;
        bool over_gmax = false;
        double g_max_uS = 0.0;
        std::vector<double> sigma, bias;
        std::vector<double> target_uS, sigma_uS, bias_uS;  ///< table

        /// Standard deviation before clipping; log-normal: of ln G.
        double sigma_of(double target_uS_) const;
        double bias_of(double target_uS_) const;
        /// G_w in uS of this normal, not clipped.
        double written(double target_uS_, double z) const;
    } programming;
    double measured_at_s = 0.0;

    struct RelaxationNumbers {
        bool power = false;
        double g_max_uS = 0.0, low_uS = 0.0, high_uS = 0.0;
        std::vector<double> mean, spread, spread_ln;

        /// The normal that took a cell from `written` to `aged` in L = ln(age / t0), and what one
        /// unit of it is in uS; nothing where the law has no spread there.
        struct Draw {
            double z = 0.0;
            double sigma_uS = 0.0;
            double mean_uS = 0.0;  ///< aged value of z = 0
        };
        Draw draw(double written_uS, double aged_uS, double log_age) const;
    };
    std::optional<RelaxationNumbers> relaxation;

    struct White {
        double relative = 0.0, absolute_S = 0.0, time_s = 1e-8;
        /// Variance of one cell over one read, siemens squared.
        double variance(double g_S, double read_time_s) const;
    };
    std::optional<White> white;

    struct Slow {
        double amplitude = 0.0, exponent = 1.0, low_Hz = 0.0, high_Hz = 0.0;
    };
    std::optional<Slow> slow;

    struct Telegraph {
        double traps = 0.0, step = 0.0, step_ln = 0.0, rate_low = 0.0, rate_high = 0.0;
        double occupancy = 0.5;
        /// Variance of dG/G of a short read at this age, t0 as above.
        double variance(double age_s, double measured_at_s) const;
    };
    std::optional<Telegraph> telegraph;

    struct Stuck {
        double low_rate = 0.0, high_rate = 0.0, low_S = 0.0, high_S = 0.0;
    };
    std::optional<Stuck> stuck;

    struct TemperatureNumbers {
        double reference_K = 0.0, crossover_S = 0.0, alpha = 0.0, activation_eV = 0.0;
    };
    std::optional<TemperatureNumbers> temperature;

    bool nonlinear = false;
    double v_ref_V = 0.0;

    struct Write {
        double pulse_V = 0.0, pulse_s = 0.0, pulses = 0.0, verify_V = 0.0, verify_s = 0.0;
    } write;

    /// Limits of what is written, siemens.
    double clipped(double g_S) const;
};

}  // namespace attohm
