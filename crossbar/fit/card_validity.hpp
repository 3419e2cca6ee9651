#pragma once

#include <string>
#include <vector>

#include "crossbar/fit/base_card.hpp"
#include "crossbar/fit/device_fit.hpp"

namespace attohm::fit {

/// Section `validity`: what the data span, see fit_device.
/// Args: base: null where there is none. range_uS: of the card. missing: what neither says is added
///   to it. Throws: UserError for a stated voltage or temperature that nothing needs.
std::vector<CardLeaf> validity_leaves(const MeasuredData& data, const FitOptions& options,
                                      const DeviceFit& fit, const BaseCard* base,
                                      const Bounds& range_uS, std::vector<std::string>& missing);

}  // namespace attohm::fit
