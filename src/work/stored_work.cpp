#include "src/work/stored_work.hpp"

#include <algorithm>
#include <numeric>

#include "src/base/error.hpp"

namespace attohm {

void check_summary(const HeadWork& work, const SelectionSummary& summary) {
    const auto rows = static_cast<std::size_t>(work.shape.n_q);
    ATTOHM_CHECK_EQ(summary.rows(), rows);
    ATTOHM_CHECK_EQ(summary.row_reuse.size(), rows * summary_bins(work.shape.n_k));
    ATTOHM_CHECK_EQ(summary.before.size(), rows);
    for (const auto& slots : summary.slots) ATTOHM_CHECK_EQ(slots.size(), rows);
    ATTOHM_CHECK_EQ(summary.kept_pairs(), work.kept_pairs);
    ATTOHM_CHECK(summary.most_kept() <= work.shape.valid_k);
    ATTOHM_CHECK(std::ssize(summary.reuse) <= work.shape.n_k);
    const std::int64_t reused =
        std::accumulate(summary.row_reuse.begin(), summary.row_reuse.end(), std::int64_t{0});
    ATTOHM_CHECK_EQ(reused, summary.hits(work.shape.n_k));
    ATTOHM_CHECK(reused <= work.kept_pairs && summary.kept_before() <= reused);
    const auto valid = summary.kept.begin() + work.shape.valid_q;
    ATTOHM_CHECK(std::all_of(valid, summary.kept.end(), [](auto keys) { return keys == 0; }));
}

}  // namespace attohm
