#include "crossbar/fit/card_validity.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.hpp"
#include "src/base/text.hpp"

namespace attohm::fit {

namespace {

Bounds range_of(std::span<const double> values) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    return {*least, *most};
}

void widen(std::optional<Bounds>& range, const Bounds& by) {
    if (!range) range = by;
    range->low = std::min(range->low, by.low);
    range->high = std::max(range->high, by.high);
}

/// What the data span, with the files that say so.
struct Span {
    std::optional<Bounds> range;
    std::vector<std::string> files;
    Mark mark = Mark::fitted;

    void add(const MeasuredTable& table, std::string_view stem) {
        if (!table.has(stem)) return;
        widen(range, range_of(table.column(stem)));
        files.insert(files.end(), table.files.begin(), table.files.end());
    }
    std::string source() const { return fmt::format("{}", fmt::join(files, " + ")); }
};

class ValidityRanges {
  public:
    ValidityRanges(const MeasuredData& data, const FitOptions& options, const DeviceFit& fit,
                   const BaseCard* base, const Bounds& range, std::vector<std::string>& missing)
        : data_(data),
          options_(options),
          fit_(fit),
          base_(base),
          range_(range),
          missing_(missing) {}

    std::vector<CardLeaf> leaves() {
        Span ages, temperatures, volts;
        if (const auto* t = data_.find(MeasuredKind::programming)) ages.add(*t, "age");
        if (fit_.retention) {
            widen(ages.range, fit_.retention->ages_s);
            ages.files.push_back(fit_.retention->source);
        }
        bool unstated_V = false, unstated_K = false;
        for (const MeasuredKind kind : {MeasuredKind::programming, MeasuredKind::reads,
                                        MeasuredKind::retention, MeasuredKind::iv}) {
            const auto* t = data_.find(kind);
            if (t == nullptr) continue;
            temperatures.add(*t, "temperature");
            volts.add(*t, "read");
            unstated_V = unstated_V || !(t->has("read") || kind == MeasuredKind::iv);
            unstated_K = unstated_K || !t->has("temperature");
        }
        if (fit_.iv) {
            widen(volts.range, fit_.iv->volts_V);
            volts.files.push_back(fit_.iv->source);
        }
        state(volts, options_.read_V, unstated_V, "--read-V");
        state(temperatures, options_.temperature_K, unstated_K, "--temperature-K");
        const bool relaxes = fit_.retention && !fit_.retention->levels.empty();
        const bool heated = fit_.retention && fit_.retention->temperature;
        Span conductance;
        if (fit_.programming || relaxes) conductance.range = range_;
        if (fit_.programming) conductance.files.push_back(fit_.programming->source);
        if (relaxes) conductance.files.push_back(fit_.retention->source);
        put("conductance_uS", conductance, "conductances written", "");
        if (!relaxes) widen_by_base(ages, "relaxation", "age_s");
        if (!heated) widen_by_base(temperatures, "temperature", "temperature_K");
        if (!fit_.iv) widen_by_base(volts, "iv", "read_V");
        put("age_s", ages, "ages measured", "");
        put("temperature_K", temperatures, "temperatures measured", "--temperature-K");
        put("read_V", volts, "read voltages measured", "--read-V");
        return std::move(leaves_);
    }

  private:
    /// A law that is the base's holds where the base says it does.
    void widen_by_base(Span& span, const std::string& section, const std::string& key) {
        const std::string name = "validity." + key;
        if (!span.range || !base_ || !base_->has_section(section) || !base_->has(name)) return;
        for (const std::string& end : base_->leaf(name).values)
            widen(span.range, {parse_real(end).value(), parse_real(end).value()});
        span.files.push_back("card " + base_->name());
        span.mark = Mark::assumed;
    }

    void state(Span& span, std::optional<double> stated, bool needed, const char* option) {
        if (!stated) return;
        if (!needed)
            throw UserError("an option that nothing reads", option, fmt::format("{:g}", *stated),
                            "nothing: every file states its own, or none was given that needs it");
        widen(span.range, {*stated, *stated});
        span.files.emplace_back(option);
    }

    void put(const std::string& key, const Span& span, const char* help, const char* option) {
        if (span.range) {
            leaves_.push_back({"validity",
                               key,
                               {card_number(span.range->low), card_number(span.range->high)},
                               true,
                               span.mark,
                               span.source(),
                               help});
        } else if (base_ && base_->has("validity." + key)) {
            leaves_.push_back(base_->leaf("validity." + key));
        } else {
            missing_.push_back(fmt::format("validity.{} ({}{}a --base card that has it)", key,
                                           *option == '\0' ? "" : option,
                                           *option == '\0' ? "" : ", or "));
        }
    }

    const MeasuredData& data_;
    const FitOptions& options_;
    const DeviceFit& fit_;
    const BaseCard* base_;
    Bounds range_;
    std::vector<std::string>& missing_;
    std::vector<CardLeaf> leaves_;
};

}  // namespace

std::vector<CardLeaf> validity_leaves(const MeasuredData& data, const FitOptions& options,
                                      const DeviceFit& fit, const BaseCard* base,
                                      const Bounds& range_uS, std::vector<std::string>& missing) {
    return ValidityRanges(data, options, fit, base, range_uS, missing).leaves();
}

}  // namespace attohm::fit
