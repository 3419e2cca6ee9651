#pragma once

#include <cstddef>
#include <vector>

#include "src/base/units.hpp"

namespace attohm {

/// When the keys of a head are written and read. Key j is written j write_interval after the first;
/// query t is read delay + t read_interval after the last key was written. Heads that share their
/// keys read one after the other.
/// Not modelled: keys appended between queries (all are written before the first read).
struct ReadSchedule {
    Second write_interval = {};
    Second delay = {};
    Second read_interval = {};     ///< from the start of one read to that of the next
    std::size_t first_read = 0;    ///< reads of these cells before the first query
    std::size_t reads_in_all = 0;  ///< of these cells, by all heads that share them

    /// Age of key j of n when query t is read, seconds.
    double age(std::size_t key, std::size_t keys, std::size_t query) const {
        const auto later = static_cast<double>(keys - 1 - key);
        const auto reads = static_cast<double>(first_read + query);
        return delay.value() + later * write_interval.value() + reads * read_interval.value();
    }
    /// The same at the first read of all heads.
    double pass_age(std::size_t key, std::size_t keys) const {
        return delay.value() + static_cast<double>(keys - 1 - key) * write_interval.value();
    }
    std::vector<double> ages(std::size_t keys, std::size_t query) const {
        std::vector<double> all(keys);
        for (std::size_t j = 0; j < keys; ++j) all[j] = age(j, keys, query);
        return all;
    }
};

}  // namespace attohm
