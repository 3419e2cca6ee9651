#pragma once

#include <vector>

#include "crossbar/fit/device_fit.hpp"

/// Fitted parts as leaves of a card; every leaf says its file, how many points, and its interval.
namespace attohm::fit {

std::vector<CardLeaf> programming_leaves(const ProgrammingFit& fit);
std::vector<CardLeaf> stuck_leaves(const ProgrammingFit& fit);
std::vector<CardLeaf> relaxation_leaves(const RetentionFit& fit);
std::vector<CardLeaf> temperature_leaves(const RetentionFit& fit);
std::vector<CardLeaf> read_noise_leaves(const ReadsFit& fit);
std::vector<CardLeaf> slow_noise_leaves(const ReadsFit& fit);
std::vector<CardLeaf> iv_leaves(const IvFit& fit, bool v_ref_given);
/// Args: read_sigma_rel: of one verify read, as a leaf with its own source. Empty: no loop fitted.
std::vector<CardLeaf> verify_leaves(const PulsesFit& fit, const CardLeaf& read_sigma_rel);

/// What the parts noted, and what they mean for each other. Args: range_uS: of the card.
std::vector<std::string> fit_warnings(const DeviceFit& fit, const Bounds& range_uS);

}  // namespace attohm::fit
