#include "src/base/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace attohm {

namespace {

constexpr std::chrono::milliseconds kShortestInterval{100};

std::string duration_text(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
    if (whole < 60) return fmt::format("{} s", whole);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace

std::string progress_line(const std::string& label, const std::string& noun, std::int64_t done,
                          std::int64_t total, double elapsed_s) {
    std::string line = fmt::format("{}: {}/{} {}", label, done, total, noun);
    if (done <= 0 || elapsed_s <= 0.0) return line;
    const double rate = static_cast<double>(done) / elapsed_s;
    line += fmt::format(", {:.3g}/s", rate);
    const std::int64_t left = std::max<std::int64_t>(total - done, 0);
    return line + ", " + duration_text(static_cast<double>(left) / rate) + " left";
}

Progress::Progress(std::string label, std::string noun, std::int64_t total)
    : label_(std::move(label)),
      noun_(std::move(noun)),
      total_(total),
      shown_(isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      last_print_(start_) {}

Progress::~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::tick(std::int64_t count) {
    const std::int64_t done = done_.fetch_add(count) + count;
    if (!shown_) return;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    const Clock::time_point now = Clock::now();
    if (!lock.owns_lock() || now - last_print_ < kShortestInterval) return;
    last_print_ = now;
    const double elapsed_s = std::chrono::duration<double>(now - start_).count();
    const std::string line = progress_line(label_, noun_, done, total_, elapsed_s);
    std::fputs(("\r" + line + "\033[K").c_str(), stderr);
}

}  // namespace attohm
