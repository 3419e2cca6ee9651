#pragma once

#include <array>
#include <string>
#include <vector>

#include "src/replay/replay.hpp"
#include "src/replay/result_io.hpp"

/// The committed transformer (360 inputs, 16 for calibration, 8 and 3 of them with q, k, v) through
/// experiments of one line each.
namespace attohm::testing {

constexpr const char* kDigits = "workloads/zoo/digits_vit/digits_vit.h5";
/// The same network fine-tuned for linear Taylor attention.
constexpr const char* kTaylorDigits = "workloads/zoo/digits_vitality/digits_vitality.h5";
constexpr int kDigitsSamples = 360;
constexpr int kDigitsWithLayers = 8;

/// Multiples of the card's read noise: the axis of the demo.
inline constexpr std::array kNoiseAxis = {1, 8, 16, 32, 64, 128, 256, 512};

/// The presets with "key=value" laid over them.
Settings settings_with(const std::vector<std::string>& assignments);

/// Opened once, so that the exact network runs once.
ReplayTrace& digits();

Result replay_digits(const std::vector<std::string>& assignments);

/// The trace at `path` through one experiment.
Result replay_file(const std::string& path, const std::vector<std::string>& assignments);

/// The result file that a result makes.
std::string file_bytes(const Result& result);

/// Names of what nothing analog is left of: SPRINT is then threshold-q.
std::vector<std::string> ideal_hardware();

}  // namespace attohm::testing
