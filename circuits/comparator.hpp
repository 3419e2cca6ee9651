#pragma once

#include <cstdint>
#include <optional>

#include "src/base/units.hpp"

namespace attohm {

/// When a comparator forgets its last decision: at a new head, never, or at every decision (a
/// clocked latch that is reset before each: no hysteresis at all).
enum class HysteresisReset { head, never, every };

/// What an undecided comparator is taken for.
enum class Undecided { keep, prune, coin };

/// What a comparator did last; `none` after a reset.
enum class LastDecision : std::uint8_t { none, pruned, kept };

/// How long a regenerative comparator takes, and what it has:
///     t_d = t_0 + tau ln(v_swing / |x|),  x the overdrive (input less threshold, all errors in it)
/// Beyond v_swing nothing is left to regenerate: t_0. Not modelled: common-mode dependence, the
/// memory of a decision that ran out of time.
struct DecisionTiming {
    Second fixed = {};         ///< t_0
    Second regeneration = {};  ///< tau
    Volt swing = {};           ///< v_swing, where the output counts as decided
    Second available = {};     ///< until the latch is read

    /// Infinite without overdrive.
    Second decision_time(Volt overdrive) const;
    /// v_meta = v_swing exp(-(t_available - t_0) / tau): undecided where |x| < v_meta.
    Volt metastable_window() const;
    bool undecided(Volt overdrive) const;
    /// Throws: UserError unless t_0 >= 0, tau > 0, v_swing > 0 and t_available >= t_0.
    /// Args: where: what the message names.
    void check(const char* where) const;
};

/// One-bit comparator at the foot of a column: fires when v + o + w >= v_th.
/// o: static offset, one Gaussian draw per physical comparator and chip; w: white noise per
/// decision. Hysteresis h: v_th - h/2 if the same comparator kept last time, + h/2 if it pruned.
/// With `timing`, a decision that takes longer than there is time is undecided and counted.
/// Source: physics.md section 2. Not modelled: kick-back, offset that drifts.
struct Comparator {
    Volt offset_sigma = {};
    Volt noise_sigma = {};
    Volt hysteresis = {};  ///< h
    HysteresisReset reset = HysteresisReset::head;
    std::optional<DecisionTiming> timing = {};  ///< nothing: decides at once (`ideal`)
    Undecided undecided = Undecided::keep;

    struct Decision {
        bool keep = false;
        bool undecided = false;
    };

    /// Added to the threshold.
    Volt hysteresis_shift(LastDecision last) const;
    /// What the comparator remembers of a decision when the next one comes.
    LastDecision remembered(bool kept, bool same_head) const;
    /// 0 where it decides at once.
    Volt metastable_window() const;
    /// Args: overdrive: v + o + w - (v_th + hysteresis shift + threshold errors), a tie keeps
    ///       coin: what an undecided one does where a coin decides
    Decision decide(Volt overdrive, bool coin) const;
    /// P(keep) for an overdrive N(mean, sigma^2): undecided ones that keep (prune) act as a
    /// threshold that lies v_meta lower (higher).
    double keep_probability(Volt mean, Volt sigma) const;
    /// P(undecided) for the same.
    double undecided_probability(Volt mean, Volt sigma) const;
};

}  // namespace attohm
