#include "circuits/memory/reram_fetch.hpp"

#include <catch2/catch.hpp>

#include <numeric>

#include "circuits/circuit_tables.hpp"
#include "src/base/error.hpp"
#include "src/base/random.hpp"

using namespace attohm;

namespace {

ReramOrganisation organisation(const std::vector<std::string>& changes = {}) {
    Settings settings = Settings::from_text(*circuit_table("sprint-reram"), "sprint-reram");
    for (const std::string& change : changes) settings.overlay_assignment("memory." + change);
    return reram_organisation(settings);
}

/// Each of `n` keys kept with probability `p`, ascending.
std::vector<std::uint32_t> kept(std::uint32_t n, double p, std::uint64_t seed) {
    const Stream stream(seed, Purpose::sampling);
    std::vector<std::uint32_t> keys;
    for (std::uint32_t key = 0; key < n; ++key)
        if (stream.uniform(key) < p) keys.push_back(key);
    return keys;
}

std::vector<std::uint64_t> mask_of(const std::vector<std::uint32_t>& keys, std::uint32_t n) {
    std::vector<std::uint64_t> mask((n + 63) / 64, 0);
    for (const std::uint32_t key : keys) mask[key / 64] |= std::uint64_t{1} << (key % 64);
    return mask;
}

}  // namespace

TEST_CASE("one key, and keys that meet in a bank, by hand", "[unit]") {
    // 64 elements of 8 bits, half of each in 4-bit cells: 2 single-level rows, 1 multi-level row.
    const ReramOrganisation o = organisation();
    ReramFetch fetch(o, {256, 64, 4});
    const std::int64_t bus = 2 + 2 + 4, bank = 2 * (10 + 2) + (15 * 10 + 4);
    CHECK(fetch.bus_cycles() == bus);
    CHECK(fetch.bank_cycles() == bank);
    const std::vector<std::uint32_t> one = {17};
    CHECK(fetch.cycles(one) == bank + 10);
    CHECK(play_fetch(o, {256, 64, 4}, one) == bank + 10);
    // Neighbours lie in other channels; 8 apart: another bank; 64 apart: the same bank.
    const std::vector<std::uint32_t> neighbours = {17, 18}, banks = {17, 25}, same = {17, 81};
    CHECK(fetch.cycles(neighbours) == bank + 10);
    CHECK(fetch.cycles(banks) == bank + 10);
    CHECK(fetch.cycles(same) == 2 * bank + 10);
    CHECK(fetch.cycles(std::vector<std::uint32_t>{}) == 0);
    CHECK(fetch.cycles_even(2) == bank + 10);
    CHECK(fetch.cycles_even(0) == 0);
    // One channel, one bank, single-level: rows in turn, t_cl once.
    const ReramOrganisation narrow = organisation({"channels=1", "banks_per_channel=1"});
    const std::vector<std::uint32_t> five = {0, 1, 2, 3, 4};
    CHECK(ReramFetch(narrow, {128, 0, 1}).cycles(five) == 5 * 12 + 10);
    CHECK(play_fetch(narrow, {128, 0, 1}, five) == 5 * 12 + 10);
    // Many banks, a narrow bus: bus-limited.
    const ReramOrganisation slow_bus =
        organisation({"channels=1", "banks_per_channel=64", "read_bits_per_cycle_per_channel=1"});
    CHECK(ReramFetch(slow_bus, {128, 0, 1}).cycles(five) == 10 + 10 + 5 * 128);
    CHECK(play_fetch(slow_bus, {128, 0, 1}, five) == 10 + 10 + 5 * 128);
}

TEST_CASE("the fetch bounds the command-level twin from below, closely", "[property]") {
    const std::vector<std::vector<std::string>> memories = {
        {},
        {"channels=2", "banks_per_channel=3"},
        {"banks_per_channel=2", "mlc_sense=parallel"},
        {"channels=1", "banks_per_channel=16", "read_bits_per_cycle_per_channel=16"},
        {"t_rcd_cycles=3", "t_cl_cycles=25", "bank_read_bits=512"}};
    const FetchShape shapes[] = {{512, 0, 1}, {256, 64, 4}, {0, 64, 4}, {1000, 130, 2}};
    int bank_bound = 0, bus_bound = 0;
    double excess = 0.0;
    for (std::size_t m = 0; m < memories.size(); ++m) {
        const ReramOrganisation o = organisation(memories[m]);
        for (const FetchShape& shape : shapes) {
            ReramFetch fetch(o, shape);
            for (const double p : {0.005, 0.05, 0.25, 1.0}) {
                const std::vector<std::uint32_t> keys = kept(600, p, m);
                const std::int64_t fast = fetch.cycles(keys);
                const std::int64_t twin = play_fetch(o, shape, keys);
                INFO("memory " << m << " bits " << shape.slc_bits << " keys " << keys.size() << ": "
                               << fast << " for " << twin);
                CHECK(fast <= twin);
                CHECK(static_cast<double>(twin) <=
                      static_cast<double>(fast) * (1.0 + ReramFetch::kBand) +
                          static_cast<double>(fetch.bank_cycles()));
                excess += std::max(0.0, static_cast<double>(twin - fetch.bank_cycles()) /
                                                static_cast<double>(fast) -
                                            1.0);
                CHECK(fetch.cycles_of_mask(mask_of(keys, 600)) == fast);
                const auto n = static_cast<std::int64_t>(keys.size());
                CHECK(fetch.cycles_even(n) <= fast);
                const std::int64_t bus_only =
                    (n + o.channels - 1) / o.channels * fetch.bus_cycles();
                ++(fast > 2 * bus_only ? bank_bound : bus_bound);
            }
        }
    }
    CHECK(excess / (bank_bound + bus_bound) < 0.05);
    // Both limits were on trial.
    CHECK(bank_bound > 5);
    CHECK(bus_bound > 5);
}

TEST_CASE("all keys in order meet no conflict, keys of one bank meet all", "[property]") {
    const ReramOrganisation o = organisation();
    ReramFetch fetch(o, {512, 0, 1});
    std::vector<std::uint32_t> all(384);
    std::iota(all.begin(), all.end(), 0U);
    CHECK(fetch.cycles(all) == fetch.cycles_even(384));
    std::vector<std::uint32_t> colliding(48);
    for (std::size_t i = 0; i < colliding.size(); ++i)
        colliding[i] = static_cast<std::uint32_t>(64 * i);
    CHECK(fetch.cycles(colliding) == 48 * fetch.bank_cycles() + o.t_cl);
    CHECK(fetch.cycles(colliding) > 20 * fetch.cycles_even(48));
    // Nothing is left over from one call to the next.
    CHECK(fetch.cycles(all) == fetch.cycles_even(384));
    CHECK_THROWS_AS(ReramFetch(o, {0, 0, 1}), InvariantError);
}
