#include "src/machine/plans/chip_pipeline.hpp"

#include "src/base/error.hpp"

namespace attohm {

namespace {

/// A query with its own load.
void run_query(const QueryRow& row, ChipPipeline& pipeline) {
    pipeline.load(row.fetch);
    pipeline.row(row.qk, row.softmax, row.v);
    pipeline.end_load();
}

}  // namespace

ChipPipeline::ChipPipeline(const ChainTimes& times) : times_(times) {
    ATTOHM_CHECK_LE(1, times_.fetch_slots);
    ATTOHM_CHECK_LE(times_.fetch_slots, kMostSlots);
}

void ChipPipeline::rows(std::int64_t count, std::int64_t qk, std::int64_t softmax, std::int64_t v) {
    const std::int64_t first_qk = std::max(at_.qk, at_.loaded) + qk;
    const std::int64_t first_softmax = std::max(at_.softmax, first_qk) + softmax;
    at_.qk = first_qk + (count - 1) * qk;
    at_.softmax = std::max(std::max(at_.softmax, first_qk) + count * softmax, at_.qk + softmax);
    const std::int64_t latency = times_.softmax_latency;
    at_.v =
        std::max(std::max(at_.v, first_softmax + latency) + count * v, at_.softmax + latency + v);
    busy_.qk += count * qk;
    busy_.softmax += count * softmax;
    busy_.v += count * v;
}

bool ChipPipeline::jump(std::int64_t periods, const Times& before, const ChipBusy& busy_before) {
    const std::int64_t shift = at_.v - before.v;
    const auto slots = static_cast<std::size_t>(times_.fetch_slots);
    const auto moved = [shift](std::int64_t now, std::int64_t then) { return now - then == shift; };
    bool uniform = moved(at_.channel, before.channel) && moved(at_.loaded, before.loaded) &&
                   moved(at_.qk, before.qk) && moved(at_.softmax, before.softmax) &&
                   (!times_.in_memory || moved(at_.arrays, before.arrays));
    for (std::size_t k = 0; k < slots; ++k)
        uniform = uniform && moved(at_.v_ends[k], before.v_ends[k]) &&
                  moved(at_.qk_ends[k], before.qk_ends[k]);
    if (!uniform) return false;
    const std::int64_t ahead = periods * shift;
    for (std::int64_t* time :
         {&at_.arrays, &at_.channel, &at_.loaded, &at_.qk, &at_.softmax, &at_.v})
        *time += ahead;
    for (std::size_t k = 0; k < slots; ++k) {
        at_.v_ends[k] += ahead;
        at_.qk_ends[k] += ahead;
    }
    busy_.arrays += periods * (busy_.arrays - busy_before.arrays);
    busy_.channel += periods * (busy_.channel - busy_before.channel);
    busy_.qk += periods * (busy_.qk - busy_before.qk);
    busy_.softmax += periods * (busy_.softmax - busy_before.softmax);
    busy_.v += periods * (busy_.v - busy_before.v);
    return true;
}

HeadTime time_queries(std::span<const QueryRow> rows, const ChainTimes& times) {
    ChipPipeline pipeline(times);
    if (!rows.empty()) pipeline.threshold();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i + 1 < rows.size()) pipeline.threshold();
        run_query(rows[i], pipeline);
    }
    return {pipeline.cycles(), pipeline.busy()};
}

HeadTime time_equal_queries(const QueryRow& row, std::int64_t queries, const ChainTimes& times) {
    ChipPipeline pipeline(times);
    if (queries == 0) return {};
    pipeline.threshold();
    pipeline.repeat(queries - 1, [&] {
        pipeline.threshold();
        run_query(row, pipeline);
    });
    run_query(row, pipeline);
    return {pipeline.cycles(), pipeline.busy()};
}

}  // namespace attohm
