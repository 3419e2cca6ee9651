#include "circuits/threshold_reference.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

ReplicaColumn::ReplicaColumn(std::size_t cells, Siemens g, Siemens sigma, Volt v,
                             const Stream& statics)
    : g_(g), v_(v) {
    const auto refuse = [](const char* what, double got, const char* allowed) {
        throw UserError(what, "threshold reference", fmt::format("{}", got), allowed);
    };
    if (cells == 0) refuse("cells of a replica column", 0.0, "at least 1");
    if (!(g.value() > 0.0)) refuse("conductance of a replica cell (S)", g.value(), "above 0");
    if (!(sigma.value() >= 0.0) || !std::isfinite(sigma.value()))
        refuse("programming error of a replica cell (S)", sigma.value(), "finite, at least 0");
    sums_.push_back(0.0);
    for (std::size_t i = 0; i < cells; ++i) {
        const double written = g.value() + sigma.value() * statics.normal(i);
        sums_.push_back(sums_.back() + std::max(0.0, written));
    }
}

Ampere ReplicaColumn::current(std::size_t k) const {
    ATTOHM_CHECK_LT(k, sums_.size());
    return Ampere::from_value(v_.value() * sums_[k]);
}

Ampere ReplicaColumn::ideal_current(std::size_t k) const {
    return Ampere::from_value(v_.value() * g_.value() * static_cast<double>(k));
}

Joule ReplicaColumn::read_energy(std::size_t k, Second time) const {
    return Joule::from_value(v_.value() * current(k).value() * time.value());
}

}  // namespace attohm
