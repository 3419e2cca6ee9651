#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "src/base/random.hpp"
#include "tests/reference/sprint_reference.hpp"

/// Small heads and settings for the tests of SPRINT.
namespace attohm {

/// A head that owns its tensors.
struct OwnedHead {
    Matrix<float> q, k, v;
    Matrix<std::uint8_t> mask;
    float scale = 1.0F;
    bool causal = false;
    int valid_q = -1;  ///< -1: all
    int valid_k = -1;

    AttentionHead view() const {
        AttentionHead head;
        head.q = q.view();
        head.k = k.view();
        head.v = v.view();
        head.mask = mask.view();
        head.scale = scale;
        head.causal = causal;
        head.valid_q = valid_q < 0 ? static_cast<int>(q.rows()) : valid_q;
        head.valid_k = valid_k < 0 ? static_cast<int>(k.rows()) : valid_k;
        return head;
    }
};

/// Normal q, k, v with scale 1 / sqrt(d).
inline OwnedHead random_head(std::size_t n_q, std::size_t n_k, std::size_t d, std::size_t dv,
                             std::uint64_t seed) {
    OwnedHead head;
    std::uint64_t tensor = 0;
    const auto fill = [&](Matrix<float>& x, std::size_t rows, std::size_t cols) {
        x.resize(rows, cols);
        Stream(seed, Purpose::synth_content, {tensor++}).normals(0, {x.data(), x.size()});
    };
    fill(head.q, n_q, d);
    fill(head.k, n_k, d);
    fill(head.v, n_k, dv);
    head.scale = 1.0F / std::sqrt(static_cast<float>(d));
    return head;
}

/// A design without any noise: 10 uS a level at B = 4, 1 mV a unit of z.
inline SprintReferenceSettings noiseless_settings() {
    SprintReferenceSettings settings;
    settings.k_bits = 4;
    settings.q_bits = 4;
    settings.threshold_bits = 8;
    settings.G_min_S = 10e-6;
    settings.G_max_S = 90e-6;
    settings.V_read_V = 0.2;
    settings.V_dd_V = 1.2;
    settings.t_read_s = 10e-9;
    settings.v_fs_V = 0.3;
    settings.n_fs = 300.0;
    settings.array_rows = 64;
    settings.array_columns = 5;
    return settings;
}

/// Every noise the twin knows, at sizes that matter.
inline SprintReferenceSettings noisy_settings() {
    SprintReferenceSettings settings = noiseless_settings();
    settings.programming_sigma_S = [](double G_S) { return 1e-6 + 0.03 * G_S; };
    settings.programming_bias_S = [](double G_S) { return -0.01 * G_S; };
    settings.read_sigma_rel = 0.03;
    settings.read_sigma_S = 0.5e-6;
    settings.stuck_low_rate = 0.01;
    settings.stuck_high_rate = 0.02;
    settings.stuck_low_ohm = 10e3;
    settings.stuck_high_ohm = 1e6;
    settings.comparator_offset_V = 8e-3;
    settings.comparator_noise_V = 2e-3;
    settings.threshold_noise_V = 1e-3;
    return settings;
}

/// Scales that clip a few of a thousand normal values.
inline constexpr SprintReferenceScales kNormalScales{3.0, 3.0, 3.0};

/// Every way to drive a signed code.
struct Driving {
    ReferenceDrive signs;
    ReferenceCoding coding;
};
inline const std::vector<Driving> kDrivings = {
    {ReferenceDrive::bipolar, ReferenceCoding::amplitude},
    {ReferenceDrive::two_phase, ReferenceCoding::amplitude},
    {ReferenceDrive::bipolar, ReferenceCoding::bit_serial},
    {ReferenceDrive::two_phase, ReferenceCoding::bit_serial},
    {ReferenceDrive::twos_complement, ReferenceCoding::bit_serial},
    {ReferenceDrive::bipolar, ReferenceCoding::pulse_width},
    {ReferenceDrive::two_phase, ReferenceCoding::pulse_width},
};

/// All coordinates different from each other, so that a swapped pair shows.
inline constexpr DrawSite kSite{20221, 1, 2, 3, 4, 5, 6};

}  // namespace attohm
