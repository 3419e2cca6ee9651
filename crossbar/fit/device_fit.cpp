#include "crossbar/fit/device_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "crossbar/device/device.hpp"
#include "crossbar/fit/base_card.hpp"
#include "crossbar/fit/card_parts.hpp"
#include "crossbar/fit/card_validity.hpp"
#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

/// Puts a card together from parts and a base.
class CardBuilder {
  public:
    CardBuilder(const MeasuredData& data, const FitOptions& options, DeviceFit& fit)
        : data_(data), options_(options), fit_(fit) {
        if (options.base) base_.emplace(*options.base);
    }

    void build() {
        refuse_unused();
        fit_parts();
        take_conductance();
        add(validity_leaves(data_, options_, fit_, base_ ? &*base_ : nullptr, range_, missing_));
        take_programming();
        take_retention();
        take_reads();
        take_pulses();
        take_iv();
        take_rest();
        require_complete();
        collect_warnings();
    }

  private:
    const MeasuredTable* table(MeasuredKind kind) const { return data_.find(kind); }

    /// An option without the data that it is about.
    void refuse_unused() const {
        const auto refuse = [&](bool given, MeasuredKind kind, const char* option) {
            if (given && table(kind) == nullptr)
                throw UserError(
                    "an option that nothing reads", option,
                    fmt::format("no {} data", measured_kind_name(kind)),
                    fmt::format("a file of {} data beside it", measured_kind_name(kind)));
        };
        refuse(options_.law.has_value(), MeasuredKind::programming, "--law");
        refuse(options_.iv_law.has_value(), MeasuredKind::iv, "--iv-law");
        refuse(options_.v_ref_V.has_value(), MeasuredKind::iv, "--v-ref");
    }

    void fit_parts() {
        if (const auto* t = table(MeasuredKind::programming))
            fit_.programming = fit_programming(*t, options_.law);
        if (const auto* t = table(MeasuredKind::reads)) fit_.reads = fit_reads(*t);
        if (const auto* t = table(MeasuredKind::retention))
            fit_.retention = fit_retention(*t, relaxation_start(*t), known_stuck());
        if (const auto* t = table(MeasuredKind::iv))
            fit_.iv = fit_iv(*t, reference_voltage(*t), options_.iv_law);
        if (const auto* t = table(MeasuredKind::pulses)) fit_.pulses = fit_pulses(*t);
    }

    std::set<CellId> known_stuck() const {
        std::set<CellId> all;
        if (!fit_.programming) return all;
        all.insert(fit_.programming->stuck.low.begin(), fit_.programming->stuck.low.end());
        all.insert(fit_.programming->stuck.high.begin(), fit_.programming->stuck.high.end());
        return all;
    }

    double relaxation_start(const MeasuredTable& retention) const {
        if (fit_.programming) return fit_.programming->measured_at_s;
        const auto base = base_ ? base_->number("programming.measured_at_s") : std::nullopt;
        if (base) return *base;
        const auto ages = retention.column("age");
        return *std::min_element(ages.begin(), ages.end());
    }

    double reference_voltage(const MeasuredTable& iv) const {
        if (options_.v_ref_V) return *options_.v_ref_V;
        const auto base = base_ ? base_->number("iv.v_ref_V") : std::nullopt;
        return base ? *base : middle_voltage(iv);
    }

    void add(std::vector<CardLeaf> leaves) {
        for (CardLeaf& leaf : leaves) fit_.card.push_back(std::move(leaf));
    }

    /// The whole section of the base; false where there is none.
    bool add_base(const std::string& section) {
        if (!base_ || !base_->has_section(section)) return false;
        add(base_->section(section));
        return true;
    }

    /// A part that a base may do without as well; then the card says so.
    void add_base_or_say(const std::string& section, const std::string& what) {
        if (add_base(section)) return;
        if (base_)
            fit_.warnings.push_back(
                fmt::format("No {} was measured and card {} has none: the card has none.", section,
                            base_->name()));
        else
            missing(what);
    }

    void missing(const std::string& what) { missing_.push_back(what); }

    /// Targets that programming and relaxation both have.
    void take_conductance() {
        if (!fit_.programming) {
            take_base_conductance();
            return;
        }
        const ProgrammingFit& p = *fit_.programming;
        range_ = {p.levels.front().target_uS, p.levels.back().target_uS};
        std::string source = p.source + ": targets";
        if (fit_.retention && !fit_.retention->levels.empty()) {
            const Bounds& other = fit_.retention->targets_uS;
            const Bounds own = range_;
            range_ = {std::max(own.low, other.low), std::min(own.high, other.high)};
            source += " that " + fit_.retention->source + " has too";
            require_range(own, other);
        }
        add({{"conductance",
              "g_min_uS",
              {card_number(range_.low)},
              false,
              Mark::fitted,
              source,
              "lowest level"},
             {"conductance",
              "g_max_uS",
              {card_number(range_.high)},
              false,
              Mark::fitted,
              source,
              "highest level"},
             {"conductance",
              "g_floor_uS",
              {"0"},
              false,
              Mark::choice,
              "a conductance is not negative",
              "draws below it are floored and counted"},
             {"conductance",
              "g_ceil_uS",
              {"none"},
              false,
              Mark::choice,
              "no ceiling was looked for",
              "draws above it are clipped and counted"}});
    }

    /// The base's range, as far as the relaxation was measured.
    void take_base_conductance() {
        if (!add_base("conductance")) {
            missing("conductance (programming.csv, or --base)");
            return;
        }
        range_ = {*base_->number("conductance.g_min_uS"), *base_->number("conductance.g_max_uS")};
        if (!fit_.retention || fit_.retention->levels.empty()) return;
        const Bounds own = range_, other = fit_.retention->targets_uS;
        range_ = {std::max(own.low, other.low), std::min(own.high, other.high)};
        require_range(own, other);
        for (CardLeaf& leaf : fit_.card) {
            if (leaf.key != "g_min_uS" && leaf.key != "g_max_uS") continue;
            leaf.values = {card_number(leaf.key == "g_min_uS" ? range_.low : range_.high)};
            leaf.source += ", as far as " + fit_.retention->source + " reach";
        }
    }

    void require_range(const Bounds& own, const Bounds& other) {
        if (!(range_.low < range_.high))
            throw UserError(
                "programming and retention share no range of targets", fit_.retention->source,
                fmt::format("{:g} to {:g} uS against {:g} to {:g} uS of {}", other.low, other.high,
                            own.low, own.high, fit_.programming->source),
                "at least two targets inside the range of both (or leave one file out)");
        if (range_.low > own.low || range_.high < own.high)
            fit_.warnings.push_back(fmt::format(
                "Targets below {:g} or above {:g} uS have no retention data: the card's range ends "
                "there.",
                range_.low, range_.high));
    }

    void take_programming() {
        if (fit_.programming) {
            add(programming_leaves(*fit_.programming));
            add(stuck_leaves(*fit_.programming));
            return;
        }
        add_base_or_say("programming", "programming (programming.csv, or --base)");
        add_base_or_say("stuck", "stuck (programming.csv, or --base)");
    }

    void take_retention() {
        const bool relaxes = fit_.retention && !fit_.retention->levels.empty();
        if (relaxes)
            add(relaxation_leaves(*fit_.retention));
        else if (base_ && base_->has_section("relaxation"))
            add(base_->relaxation(fit_.programming ? fit_.programming->measured_at_s
                                                   : *base_->number("programming.measured_at_s"),
                                  range_.high));
        if (fit_.retention && fit_.retention->temperature)
            add(temperature_leaves(*fit_.retention));
        else
            add_base("temperature");
    }

    void take_reads() {
        if (fit_.reads) {
            add(read_noise_leaves(*fit_.reads));
            add(slow_noise_leaves(*fit_.reads));
            return;
        }
        add_base_or_say("read_noise", "read_noise (reads.csv, or --base)");
        add_base("slow_noise");
    }

    void take_pulses() {
        if (!add_base("write")) missing("write (--base: what pulses cost)");
        if (!fit_.pulses) {
            add_base("verify");
            return;
        }
        replace("write", "mlc_pulse_V", fit_.pulses->voltage_V, ": median of |V|");
        replace("write", "mlc_pulse_ns", fit_.pulses->width_s * 1e9, ": median");
        if (fit_.pulses->loop)
            replace("write", "mlc_pulses_mean", fit_.pulses->pulses_mean.value,
                    fmt::format(", {} writes; 0.95 interval [{:.4g}, {:.4g}]", fit_.pulses->writes,
                                fit_.pulses->pulses_mean.bounds.low,
                                fit_.pulses->pulses_mean.bounds.high));
        if (!fit_.pulses->loop || fit_.pulses->window.value <= 0.0) {
            add_base("verify");
            return;
        }
        add(verify_leaves(*fit_.pulses, verify_read()));
    }

    CardLeaf verify_read() {
        const char* help = "noise of one verify read, of the conductance";
        if (base_ && base_->has("verify.read_sigma_rel"))
            return base_->leaf("verify.read_sigma_rel");
        if (fit_.reads)
            return {"verify",
                    "read_sigma_rel",
                    {card_number(fit_.reads->sigma_rel.value)},
                    false,
                    Mark::assumed,
                    fmt::format("a verify read taken as one read of {} ({:g} s)",
                                fit_.reads->source, fit_.reads->integration_s),
                    help};
        return {"verify",
                "read_sigma_rel",
                {"0"},
                false,
                Mark::assumed,
                "the noise of verify reads was not measured; the fitted window and step hold it",
                help};
    }

    void replace(const std::string& section, const std::string& key, double value,
                 const std::string& how) {
        for (CardLeaf& leaf : fit_.card) {
            if (leaf.section != section || leaf.key != key) continue;
            leaf.values = {card_number(value)};
            leaf.mark = Mark::fitted;
            leaf.source = fit_.pulses->source + how;
        }
    }

    void take_iv() {
        if (fit_.iv)
            add(iv_leaves(*fit_.iv, options_.v_ref_V.has_value()));
        else
            add_base("iv");
    }

    void take_rest() {
        add_base("telegraph");
        add_base("selector");
    }

    void require_complete() const {
        if (missing_.empty()) return;
        std::vector<std::string> kinds;
        for (const MeasuredKind kind :
             {MeasuredKind::programming, MeasuredKind::reads, MeasuredKind::retention,
              MeasuredKind::iv, MeasuredKind::pulses})
            if (table(kind) != nullptr) kinds.emplace_back(measured_kind_name(kind));
        throw UserError("a card needs more than was measured",
                        base_ ? "--base " + base_->name() : "device fit",
                        fmt::format("data of: {}", fmt::join(kinds, ", ")),
                        fmt::format("also: {}", fmt::join(missing_, "; ")));
    }

    void collect_warnings() {
        for (std::string& text : fit_warnings(fit_, range_)) fit_.warnings.push_back(text);
        if (base_)
            for (std::string& text : base_->warnings(range_)) fit_.warnings.push_back(text);
    }

    const MeasuredData& data_;
    const FitOptions& options_;
    DeviceFit& fit_;
    std::optional<BaseCard> base_;
    Bounds range_;
    std::vector<std::string> missing_;
};

}  // namespace

DeviceFit fit_device(const MeasuredData& data, const FitOptions& options) {
    DeviceFit fit;
    CardBuilder(data, options, fit).build();
    return fit;
}

std::string card_text(const DeviceFit& fit) {
    std::string comment = "Fitted by `attohm device fit`. Intervals are at 0.95.";
    for (const std::string& warning : fit.warnings) comment += "\n- " + warning;
    return card_yaml(fit.card, comment);
}

}  // namespace attohm::fit
