#pragma once

#include "src/machine/ledger.hpp"

/// Prices by kind of machine; `price` chooses.
namespace attohm {

/// Of a machine that is a SPRINT chip.
std::vector<LedgerLine> price_chip(const Tally& total, std::int64_t samples, const Machine& machine,
                                   const EnergyOptions& options, const std::optional<AdcUse>& adc);

/// Of the engine: every count times its component's unit energy, memories by their own model.
std::vector<LedgerLine> price_engine(const Tally& total, std::int64_t samples,
                                     const Machine& machine);

}  // namespace attohm
