#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace attohm {

/// "label: 12/40 samples, 3.4/s, 8 s left", the line of a progress report.
std::string progress_line(const std::string& label, const std::string& noun, std::int64_t done,
                          std::int64_t total, double elapsed_s);

/// Progress on the standard error stream, when that is a terminal; silent otherwise. Results never
/// see it. `tick` may be called from any thread.
class Progress {
  public:
    /// Args: noun: what is counted, in the plural, e.g. "samples".
    Progress(std::string label, std::string noun, std::int64_t total);
    /// Clears the line.
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void tick(std::int64_t count = 1);

  private:
    using Clock = std::chrono::steady_clock;

    std::string label_;
    std::string noun_;
    std::int64_t total_;
    bool shown_;  ///< standard error is a terminal
    Clock::time_point start_;
    std::atomic<std::int64_t> done_{0};
    std::mutex mutex_;
    Clock::time_point last_print_;  ///< guarded by mutex_
};

}  // namespace attohm
