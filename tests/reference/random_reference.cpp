#include "tests/reference/random_reference.hpp"

#include <Random123/philox.h>

#include <boost/math/distributions/normal.hpp>
#include <cmath>

namespace attohm::reference {
namespace {

std::uint64_t finalise(std::uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    x ^= x >> 31;
    return x;
}

}  // namespace

std::array<std::uint64_t, 2> stream_identity(std::uint64_t seed, std::uint32_t purpose,
                                             const std::vector<std::uint64_t>& ids) {
    const std::uint64_t k = 0x9e3779b97f4a7c15u;
    const std::uint64_t odd = 0xd1b54a32d192ed03u;
    std::uint64_t low = finalise(seed + k);
    std::uint64_t high = finalise(seed ^ odd);
    std::vector<std::uint64_t> absorbed{purpose};
    absorbed.insert(absorbed.end(), ids.begin(), ids.end());
    for (const std::uint64_t id : absorbed) {
        low = finalise(low ^ finalise(id + k));
        high = finalise(high + odd * low);
    }
    return {low, high};
}

std::uint32_t stream_word(const std::array<std::uint64_t, 2>& identity, std::uint64_t index) {
    const auto low_half = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const auto high_half = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const std::uint64_t block = index / 4;
    const philox4x32_ctr_t counter{
        {low_half(block), high_half(block), low_half(identity[1]), high_half(identity[1])}};
    const philox4x32_key_t key{{low_half(identity[0]), high_half(identity[0])}};
    return philox4x32_R(10, counter, key).v[index % 4];
}

double normal_of_word(std::uint32_t word) {
    // From the nearer end, where the probability is exact.
    const bool lower = word < 0x80000000u;
    const double p = std::ldexp(static_cast<double>(lower ? word : ~word) + 0.5, -32);
    const double z = boost::math::quantile(boost::math::normal(), p);
    return lower ? z : -z;
}

double uniform_of_word(std::uint32_t word) {
    return std::ldexp(2.0 * static_cast<double>(word / 512) + 1.0, -24);
}

}  // namespace attohm::reference
