#include "src/base/random.hpp"

#include <Random123/philox.h>

#include <bit>
#include <cmath>

#include "src/base/error.hpp"
#include "src/base/random_kernels.hpp"

namespace attohm {
namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;   // 2^64 / golden ratio, odd
constexpr std::uint64_t kHighOdd = 0xd1b54a32d192ed03u;  // 2^64 / the plastic number, odd

/// Finaliser of SplitMix64 (Stafford's variant 13): a bijection of 64 bits.
constexpr std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

const RandomKernels& kernels() {
    static const RandomKernels& best = random_kernels(best_simd_level());
    return best;
}

/// word < threshold exactly when (word + 1/2) 2^-32 < probability.
std::uint64_t threshold_of(double probability) {
    ATTOHM_CHECK(probability >= 0.0 && probability <= 1.0);
    const double threshold = std::ceil(probability * 0x1p32 - 0.5);
    return threshold > 0.0 ? static_cast<std::uint64_t>(threshold) : 0;
}

}  // namespace

Stream::Stream(std::uint64_t seed, Purpose purpose, std::span<const std::uint64_t> ids)
    : key_(mix(seed + kGolden)), high_(mix(seed ^ kHighOdd)) {
    *this = with(static_cast<std::uint64_t>(purpose));
    for (const std::uint64_t id : ids) *this = with(id);
}

Stream::Stream(std::uint64_t seed, Purpose purpose, std::initializer_list<std::uint64_t> ids)
    : Stream(seed, purpose, std::span(ids.begin(), ids.size())) {}

Stream Stream::with(std::uint64_t id) const {
    const std::uint64_t key = mix(key_ ^ mix(id + kGolden));
    return {key, mix(high_ + kHighOdd * key)};
}

Stream Stream::with(std::initializer_list<std::uint64_t> ids) const {
    Stream result = *this;
    for (const std::uint64_t id : ids) result = result.with(id);
    return result;
}

void Stream::words(std::uint64_t first, std::span<std::uint32_t> out) const {
    kernels().words({key_, high_}, first, out.data(), out.size());
}

void Stream::uniforms(std::uint64_t first, std::span<float> out) const {
    kernels().uniforms({key_, high_}, first, out.data(), out.size());
}

void Stream::normals(std::uint64_t first, std::span<float> out) const {
    kernels().normals({key_, high_}, first, out.data(), out.size());
}

void Stream::normals_at(std::span<const std::uint64_t> indices, std::span<float> out) const {
    ATTOHM_CHECK_EQ(indices.size(), out.size());
    kernels().normals_at({key_, high_}, indices.data(), out.data(), out.size());
}

void Stream::add_normals(std::uint64_t first, float sigma, std::span<float> values) const {
    kernels().add_normals({key_, high_}, first, sigma, values.data(), values.size());
}

void Stream::add_normals(std::uint64_t first, std::span<const float> sigmas,
                         std::span<float> values) const {
    ATTOHM_CHECK_EQ(sigmas.size(), values.size());
    kernels().add_scaled_normals({key_, high_}, first, sigmas.data(), values.data(), values.size());
}

void Stream::events(std::uint64_t first, double probability, std::span<std::uint8_t> events) const {
    kernels().events({key_, high_}, first, threshold_of(probability), events.data(), events.size());
}

std::uint32_t Stream::word(std::uint64_t index) const {
    const std::uint64_t block = index / 4;
    const r123::Philox4x32::ctr_type counter{
        {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
         static_cast<std::uint32_t>(high_), static_cast<std::uint32_t>(high_ >> 32)}};
    const r123::Philox4x32::key_type key{
        {static_cast<std::uint32_t>(key_), static_cast<std::uint32_t>(key_ >> 32)}};
    return r123::Philox4x32()(counter, key)[index % 4];
}

double Stream::uniform(std::uint64_t index) const {
    return static_cast<double>(uniform_from_word(word(index)));
}

double Stream::normal(std::uint64_t index) const {
    return static_cast<double>(normal_from_word(word(index)));
}

double Stream::uniform32(std::uint64_t index) const {
    return (static_cast<double>(word(index)) + 0.5) * 0x1p-32;
}

bool Stream::below(std::uint64_t index, double probability) const {
    return word(index) < threshold_of(probability);
}

float normal_from_word(std::uint32_t word) {
    return kernels().normal_from_word(word);
}

float uniform_from_word(std::uint32_t word) {
    return kernels().uniform_from_word(word);
}

}  // namespace attohm
