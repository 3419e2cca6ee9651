#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace attohm {

/// What a random stream is for. Values are part of the key and never change or get reused: a new
/// purpose takes the next free number.
enum class Purpose : std::uint32_t {
    // Chip lifetime.
    stuck_fault = 1,
    d2d_mean = 2,
    comparator_offset = 3,
    dac_inl = 4,
    threshold_inl = 5,
    // Write-event lifetime.
    programming = 6,
    relaxation = 7,
    slow_noise_start = 8,
    rtn_traps = 9,
    slc_programming = 10,
    // Read lifetime.
    read_white = 11,
    reference_read = 12,
    comparator_noise = 13,
    threshold_noise = 14,
    dac_noise = 15,
    // Later additions, and draws outside the device.
    decision_split = 16,
    stuck_value = 17,
    synth_content = 18,
    sampling = 19,
    bootstrap = 20,
    write_verify = 21,
    slow_noise_step = 22,
    telegraph_step = 23,
    fault_cluster = 24,
    adc_static = 25,
    adc_noise = 26,
    metastability = 27,
    reference_programming = 28,
    reference_slow_noise = 29,
    slow_noise_at_verify = 30,
    hash_projection = 31,
};

/// A random-access stream of variates: counter-based, without state, a value to copy freely.
///
/// Variate `i` consumes exactly counter word `i` of the stream (inversion, never rejection), so no
/// setting can shift another draw, and a value depends on (seed, purpose, ids, i) alone: never on
/// threads, on the order of calls, on how a range is cut, or on the SIMD level.
///
/// Generator: Philox4x32-10. The 128-bit identity of the stream is its 64-bit Philox key and the
/// high 64 bits of the 128-bit counter; the low 64 bits are i / 4, and word i is output word i % 4
/// of that block.
///
/// Identity: two 64-bit lanes absorb seed, purpose and then every id in turn,
///     low <- mix(low ^ mix(id + k)),  high <- mix(high + odd * low),
/// with mix the 64-bit finaliser of SplitMix64 (Stafford's variant 13), a bijection. Each step is a
/// bijection of the 128 bits, so order and number of ids matter: {1,2}, {2,1} and {1,2,0} are three
/// streams, and two distinct id lists meet with probability about 2^-128.
///
/// Resolution: 32 bits per variate. The largest |normal| is 6.34 (probability 2^-33 a side); events
/// rarer than about 1e-9 per draw cannot be sampled. Not modelled: a period beyond 2^64 variates.
///
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11,
/// doi:10.1145/2063384.2063405. Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014, doi:10.1145/2660193.2660195.
class Stream {
  public:
    /// Args:
    ///     seed: the experiment's seed.
    ///     purpose: what the draws are for.
    ///     ids: the coordinates of the lifetime (chip, array, sample, layer, ...), most general
    ///         first. Their meaning is the caller's, per purpose; their number may be zero.
    Stream(std::uint64_t seed, Purpose purpose, std::span<const std::uint64_t> ids = {});
    Stream(std::uint64_t seed, Purpose purpose, std::initializer_list<std::uint64_t> ids);

    /// The stream whose id list is this one's with `id` (or `ids`) appended: the same stream as
    /// building it whole, but about 3 ns, so build the common part once and append in inner loops.
    [[nodiscard]] Stream with(std::uint64_t id) const;
    [[nodiscard]] Stream with(std::initializer_list<std::uint64_t> ids) const;

    /// The raw 32-bit words first, first + 1, ... of the stream.
    void words(std::uint64_t first, std::span<std::uint32_t> out) const;

    /// Uniform variates first, first + 1, ...: (2 (word >> 9) + 1) 2^-24, so within
    /// [2^-24, 1 - 2^-24], never 0 or 1, in steps of 2^-23; words w and ~w give u and 1 - u
    /// exactly. For small probabilities use `below` or `events`, which keep all 32 bits.
    void uniforms(std::uint64_t first, std::span<float> out) const;

    /// Standard normal variates first, first + 1, ...: the inverse normal distribution function at
    /// (word + 1/2) 2^-32. Words w and ~w give z and -z exactly; relative error below 5e-7,
    /// absolute below 1e-6.
    void normals(std::uint64_t first, std::span<float> out) const;

    /// out[k] = normal(indices[k]): the same values as `normals` gives there, for a few of many.
    /// Throws: InvariantError if the sizes differ.
    void normals_at(std::span<const std::uint64_t> indices, std::span<float> out) const;

    /// values[k] += sigma * normal(first + k): the draw of a noise whose size is known.
    void add_normals(std::uint64_t first, float sigma, std::span<float> values) const;

    /// values[k] += sigmas[k] * normal(first + k).
    /// Throws: InvariantError if the sizes differ.
    void add_normals(std::uint64_t first, std::span<const float> sigmas,
                     std::span<float> values) const;

    /// events[k] = 1 where variate first + k is below `probability`, else 0 (see `below`).
    /// Throws: InvariantError if the probability is not in [0, 1].
    void events(std::uint64_t first, double probability, std::span<std::uint8_t> events) const;

    /// Word `index`.
    [[nodiscard]] std::uint32_t word(std::uint64_t index) const;

    /// The same value as `uniforms` gives at `index`, widened.
    [[nodiscard]] double uniform(std::uint64_t index) const;

    /// The same value as `normals` gives at `index`, widened.
    [[nodiscard]] double normal(std::uint64_t index) const;

    /// (word + 1/2) 2^-32, exact: 32-bit uniform in (0, 1), symmetric about 1/2. The normal and
    /// `uniform` at the same index are increasing functions of it.
    [[nodiscard]] double uniform32(std::uint64_t index) const;

    /// Whether uniform32(index) < probability: an event of that probability, to 2^-33 absolute. An
    /// event that happens at one probability happens at every larger one; never at 0, always at 1.
    [[nodiscard]] bool below(std::uint64_t index, double probability) const;

    /// The 128-bit identity, low lane (Philox key) first: equal exactly when the streams are equal.
    [[nodiscard]] std::array<std::uint64_t, 2> identity() const { return {key_, high_}; }

  private:
    Stream(std::uint64_t key, std::uint64_t high) : key_(key), high_(high) {}

    std::uint64_t key_;   ///< Philox key: its low half is key word 0
    std::uint64_t high_;  ///< counter words 2 (low half) and 3 (high half)
};

/// The standard normal variate that a stream makes of one word, for tests and tables.
float normal_from_word(std::uint32_t word);

/// The uniform variate that a stream makes of one word.
float uniform_from_word(std::uint32_t word);

}  // namespace attohm
