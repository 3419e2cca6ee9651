#include "circuits/memory/dram_closed_form.hpp"

#include <catch2/catch.hpp>

#include <chrono>

#include "tests/circuits/memory/dram_text.hpp"

using namespace attohm;

namespace {

DramPattern played(const AccessPattern& access, std::uint64_t seed) {
    const bool is_stream = access.run_bytes >= access.bytes;
    return {is_stream ? DramPattern::Kind::stream : DramPattern::Kind::random,
            access.bytes,
            access.run_bytes,
            0,
            access.write,
            seed};
}

/// What the closed form adds for refreshes on average, at most.
double most_stretch(const DramTable& table) {
    const DramTiming& t = table.timing;
    const double refi = static_cast<double>(t.refi);
    const double drain = static_cast<double>(t.rcd + t.rp + t.write_to_precharge() + t.rc());
    return refi / (refi - static_cast<double>(t.rfc) - drain);
}

}  // namespace

TEST_CASE("the closed form stays in its band around the command-level twin", "[property]") {
    for (const std::string& name : dram_table_names()) {
        const DramTable table = dram_table(name, "test");
        const std::int64_t burst = table.geometry.burst_bytes();
        for (const DramChannels& channels : {DramChannels{1, burst}, DramChannels{4, 4 * burst}}) {
            const DramClosedForm form(table, channels, std::nullopt);
            for (const std::int64_t run : {1, 2, 3, 4, 7, 16, 60, 500, 4000, 1000000}) {
                for (const bool write : {false, true}) {
                    const AccessPattern access{10000 * channels.count * burst, run * burst, write};
                    const DramRun twin = play(table, channels, played(access, 11));
                    const MemoryCost cost = form.access(access);
                    INFO(name << " run " << run << " channels " << channels.count << " write "
                              << write << ": " << *cost.cycles << " for " << twin.cycles << ", "
                              << cost.activations << " for " << twin.counts.activations);
                    CHECK(*cost.cycles / static_cast<double>(twin.cycles) ==
                          Approx(1.0).margin(DramClosedForm::kTimeBand));
                    CHECK(cost.activations / static_cast<double>(twin.counts.activations) ==
                          Approx(1.0).margin(DramClosedForm::kCountBand));
                    CHECK(cost.bursts == Approx(static_cast<double>(twin.bursts())));
                    CHECK(cost.refreshes ==
                          Approx(static_cast<double>(twin.counts.refreshes))
                              .margin(1.5 * channels.count + 0.1 * cost.refreshes));
                }
            }
        }
    }
}

TEST_CASE("short accesses, too few for a refresh, stay in a wider band", "[property]") {
    for (const std::string& name : dram_table_names()) {
        const DramTable table = dram_table(name, "test");
        const std::int64_t burst = table.geometry.burst_bytes();
        const DramClosedForm form(table, {1, burst}, std::nullopt);
        for (const std::int64_t count : {1, 2, 8, 30, 100, 300})
            for (const std::int64_t run : {1, 4, 30, 1000})
                for (const bool write : {false, true}) {
                    const AccessPattern access{count * burst, run * burst, write};
                    // Mean over places: the form promises nothing about one of them.
                    double mean = 0.0;
                    constexpr int kPlaces = 20;
                    for (std::uint64_t seed = 0; seed < kPlaces; ++seed)
                        mean += static_cast<double>(
                                    play(table, {1, burst}, played(access, seed)).cycles) /
                                kPlaces;
                    const double cycles = *form.access(access).cycles;
                    INFO(name << " bursts " << count << " run " << run << " write " << write << ": "
                              << cycles << " for " << mean);
                    CHECK(cycles > mean * (1.0 - DramClosedForm::kShortTimeBand));
                    CHECK(cycles <
                          mean * (1.0 + DramClosedForm::kShortTimeBand) * most_stretch(table));
                }
    }
}

TEST_CASE("more bytes, shorter runs and fewer channels never cost less", "[property]") {
    for (const std::string& name : dram_table_names()) {
        INFO(name);
        const DramTable table = dram_table(name, "test");
        const std::int64_t burst = table.geometry.burst_bytes();
        const DramClosedForm one(table, {1, burst}, std::nullopt);
        const DramClosedForm four(table, {4, burst}, std::nullopt);
        double before = 0.0;
        for (std::int64_t n = 1; n < 3'000'000; n = n * 5 / 4 + 1) {
            const double cycles = *one.access({n * burst, n * burst, false}).cycles;
            CHECK(cycles >= before);
            before = cycles;
            CHECK(*four.access({n * burst, n * burst, false}).cycles <= cycles);
        }
        const std::int64_t bytes = 1 << 24;
        double longest = std::numeric_limits<double>::max(), rows = longest;
        for (std::int64_t run = burst; run <= bytes; run *= 2) {
            const MemoryCost cost = one.access({bytes, run, false});
            CHECK(cost.time.value() <= longest * (1.0 + 1e-9));
            CHECK(cost.activations <= rows * (1.0 + 1e-9));
            longest = cost.time.value();
            rows = cost.activations;
        }
        CHECK(*one.access({0, 1, false}).cycles == 0.0);
        CHECK(one.access({0, 1, false}).energy.known().value() == 0.0);
        // A piece smaller than a burst still moves one.
        CHECK(one.access({8 * burst, burst / 4, false}).bus_bytes == 32.0 * burst);
        CHECK(one.peak_bytes_per_s() * 4.0 == Approx(four.peak_bytes_per_s()));
        CHECK(static_cast<double>(bytes) / one.access({bytes, bytes, false}).time.value() <
              one.peak_bytes_per_s());
    }
}

TEST_CASE("what one access keeps busy adds up to what many take", "[property]") {
    for (const std::string& name : dram_table_names()) {
        const DramTable table = dram_table(name, "test");
        const std::int64_t burst = table.geometry.burst_bytes();
        for (const int channels : {1, 8}) {
            const DramClosedForm form(table, {channels, burst}, std::nullopt);
            for (const std::int64_t run : {1, 3, 8, 40}) {
                constexpr std::int64_t kPieces = 200000;
                INFO(name << " run " << run << " channels " << channels);
                const MemoryCost one = form.access({run * burst, run * burst, false});
                const MemoryCost many = form.access({kPieces * run * burst, run * burst, false});
                // A piece that stands alone starts on a row; among many it may straddle two.
                CHECK(one.busy.value() * kPieces == Approx(many.busy.value()).epsilon(0.25));
                CHECK(many.busy.value() == Approx(many.time.value()).epsilon(0.06));
                CHECK(one.busy < one.time);
            }
        }
    }
}

TEST_CASE("the closed form is cheap enough for a cost engine", "[property]") {
    const DramTable table = dram_table("dram-hbm2", "test");
    const DramClosedForm form(table, {8, 256}, std::nullopt);
    constexpr int kCalls = 200'000;
    double sum = 0.0;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 1; i <= kCalls; ++i)
        sum += form.access({i * 640, 64 + i % 4096, i % 2 == 0}).time.value();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    CHECK(sum > 0.0);
    // Measured: well below a microsecond; the bound leaves room for a loaded machine.
    CHECK(seconds / kCalls < 5e-6);
}
