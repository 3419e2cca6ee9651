#pragma once

#include "src/base/random.hpp"
#include "src/base/units.hpp"

namespace attohm {

/// A capacitor that samples and holds, and what thermal noise and leakage do to what it holds:
///     held(t) = v + sqrt(k T / C) z - I_leak t / C,  z once per sample.
/// Source: Nyquist 1928 (equipartition, 1/2 C <v^2> = 1/2 k T). Not modelled: charge injection of
/// the switch, aperture jitter, leakage that depends on the voltage.
struct SampleHold {
    Farad capacitance = {};
    Ampere leakage = {};
    Kelvin temperature = {};

    Volt noise_sigma() const;
    Volt droop(Second held) const;
    /// Args: z: a standard normal, one per sample.
    Volt held(Volt sampled, double z, Second time) const;
    /// Drawn from a supply `vdd` by one sample at full scale: C V_fs V_dd.
    Joule energy(Volt full_scale, Volt vdd) const;

    /// The least capacitance whose noise is no more than that of a converter's steps:
    ///     k T / C = (V_fs / 2^B)^2 / 12.
    static Farad least(int bits, Volt full_scale, Kelvin temperature);
};

/// Bits of a bit-serial input added in the analog domain, lowest bit first: the sum's capacitor is
/// shared with an equal one that samples the output of each bit,
///     v <- v (1 - r) + x r,  r = C_2 / (C_1 + C_2),
/// so that after n bits bit k weighs r (1 - r)^(n-1-k): ideally 2^-(n-k). A mismatch of the two
/// bends the weights; it is static, one draw per instance: r = (1 + sigma z / sqrt(2)) / 2 to first
/// order, sigma that of one capacitor. Each bit adds noise of variance 3/4 k T / C (sampling x: a
/// quarter; the sharing switch: half), k T / C (1 - 4^-n) after n bits. Both vary only in
/// instances, and in reads.
/// Source: the algebra is ours. Not modelled: parasitics, droop between bits.
class ChargeShareAdder {
  public:
    /// Args: sigma: relative, of one capacitor; statics: the instance's own stream, normal(0) and
    ///   normal(1) for C_1 and C_2.
    /// Throws: UserError for a sigma outside 0..0.15.
    ChargeShareAdder(Farad capacitance, double sigma, Kelvin temperature, const Stream& statics);

    /// Args: z: standard normal of this bit.
    double add(double sum, double x, double z) const;
    double share() const { return share_; }
    /// Weight of bit k of n.
    double weight(int k, int n) const;
    Volt noise_sigma(int n) const;

  private:
    double share_;
    double noise_V_;  ///< of one bit
};

}  // namespace attohm
