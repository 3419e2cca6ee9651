#include "tests/reference/salo_reference.hpp"

#include <algorithm>
#include <cmath>

namespace attohm::reference {

namespace {

/// x on a grid of step 2^-bits, towards minus infinity.
double cut(double x, int bits) {
    return std::ldexp(std::floor(std::ldexp(x, bits)), -bits);
}

double input(float x) {
    return std::clamp(std::nearbyint(static_cast<double>(x) * 16.0), -256.0, 255.0) / 16.0;
}

/// A number of 18 bits, 8 of them fraction: [-512, 512), around the circle.
double wrapped(double x) {
    return x - 1024.0 * std::floor((x + 512.0) / 1024.0);
}

struct Term {
    double mantissa = 0.0;
    double exponent = 0.0;
};

Term power(double score) {
    // score / 8 on a grid of 2^-8; its integer part has 5 bits.
    const double scaled = cut(score / 8.0, 8);
    double whole = std::floor(scaled);
    const double f = scaled - whole;
    whole -= 32.0 * std::floor((whole + 16.0) / 32.0);
    const double slopes[] = {0.75532268, 0.89775075, 1.06735514, 1.27081757};
    const double intercepts[] = {0.99742072, 0.96181372, 0.87701153, 0.72441471};
    const auto segment = static_cast<std::size_t>(std::floor(f * 4.0));
    const double slope = std::round(slopes[segment] * 256.0) / 256.0;
    const double intercept = std::round(intercepts[segment] * 256.0) / 256.0;
    return {cut(slope * f + intercept, 7), whole};
}

struct Pass {
    double sum = 0.0;
    double exponent = 0.0;
    std::vector<double> out;
    bool empty = true;
};

Pass pass_of(const AttentionHead& head, std::size_t query, std::span<const std::uint32_t> keys) {
    Pass pass;
    pass.out.assign(head.dv(), 0.0);
    std::vector<Term> terms;
    for (const std::uint32_t key : keys) {
        double score = 0.0;
        for (std::size_t c = 0; c < head.d(); ++c)
            score = wrapped(score + input(head.q(query, c)) * input(head.k(key, c)));
        terms.push_back(power(score));
        const Term& term = terms.back();
        if (pass.empty) {
            pass.sum = term.mantissa;
            pass.exponent = term.exponent;
            pass.empty = false;
            continue;
        }
        const double high = std::max(pass.exponent, term.exponent);
        pass.sum = cut(std::ldexp(pass.sum, static_cast<int>(pass.exponent - high)), 8) +
                   cut(std::ldexp(term.mantissa, static_cast<int>(term.exponent - high)), 8);
        pass.exponent = high;
    }
    // 2^17 over a sum in steps of 2^-8 is a reciprocal in steps of 2^-9.
    const double reciprocal = pass.empty ? 0.0 : cut(1.0 / pass.sum, 9);
    for (std::size_t j = 0; j < keys.size(); ++j) {
        const double full = cut(reciprocal * terms[j].mantissa, 7);
        const double p =
            cut(std::ldexp(full, static_cast<int>(terms[j].exponent - pass.exponent)), 7);
        for (std::size_t c = 0; c < head.dv(); ++c)
            pass.out[c] = wrapped(pass.out[c] + cut(p * input(head.v(keys[j], c)), 8));
    }
    return pass;
}

}  // namespace

std::vector<double> salo_row(const AttentionHead& head, std::size_t query,
                             std::span<const std::uint32_t> keys, std::size_t columns) {
    Pass all;
    all.out.assign(head.dv(), 0.0);
    for (std::size_t first = 0; first < keys.size(); first += columns) {
        Pass next =
            pass_of(head, query, keys.subspan(first, std::min(columns, keys.size() - first)));
        if (all.empty) {
            all = std::move(next);
            continue;
        }
        const double high = std::max(all.exponent, next.exponent);
        const double wa = cut(std::ldexp(all.sum, static_cast<int>(all.exponent - high)), 8);
        const double wb = cut(std::ldexp(next.sum, static_cast<int>(next.exponent - high)), 8);
        const double fa = cut(wa / (wa + wb), 7), fb = cut(wb / (wa + wb), 7);
        for (std::size_t c = 0; c < all.out.size(); ++c)
            all.out[c] = wrapped(cut(fa * all.out[c] + fb * next.out[c], 8));
        all.sum = wa + wb;
        all.exponent = high;
    }
    return all.out;
}

}  // namespace attohm::reference
