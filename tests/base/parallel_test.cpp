#include "src/base/parallel.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/progress.hpp"

namespace {

/// Sets the number of threads for one test.
class WithThreads {
  public:
    explicit WithThreads(int count) : before_(attohm::threads()) { attohm::set_threads(count); }
    ~WithThreads() { attohm::set_threads(before_); }

  private:
    int before_;
};

}  // namespace

TEST_CASE("every index runs once, for any number of threads", "[unit]") {
    for (const int count : {1, 2, 7}) {
        const WithThreads threads(count);
        std::vector<std::atomic<int>> calls(1000);
        attohm::parallel_for(calls.size(), [&](std::size_t i) { ++calls[i]; });
        bool once = true;
        for (const auto& number : calls) once = once && number == 1;
        CHECK(once);
    }
    bool called = false;
    attohm::parallel_for(0, [&](std::size_t) { called = true; });
    CHECK_FALSE(called);
    CHECK_THROWS_AS(attohm::set_threads(0), attohm::UserError);
}

TEST_CASE("of several exceptions the one with the lowest index comes out", "[unit]") {
    for (const int count : {1, 3, 8}) {
        const WithThreads threads(count);
        for (int repeat = 0; repeat < 50; ++repeat) {
            std::string message;
            try {
                attohm::parallel_for(200, [](std::size_t i) {
                    if (i >= 17 && i % 3 == 2) throw std::runtime_error(std::to_string(i));
                });
            } catch (const std::runtime_error& error) {
                message = error.what();
            }
            REQUIRE(message == "17");
        }
    }
}

TEST_CASE("a loop inside a loop runs, serially", "[unit]") {
    const WithThreads threads(4);
    std::vector<std::vector<std::size_t>> order(8);
    attohm::parallel_for(order.size(), [&](std::size_t i) {
        attohm::parallel_for(5, [&](std::size_t j) { order[i].push_back(j); });
    });
    for (const auto& row : order) CHECK(row == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

TEST_CASE("matrix products in both layouts, with strides", "[unit]") {
    // a = [1 2 3; 4 5 6], b = [1 0 2; 0 1 1]; b's storage is padded by one column.
    const std::vector<float> a = {1, 2, 3, 4, 5, 6};
    const std::vector<float> b = {1, 0, 2, 99, 0, 1, 1, 99};
    std::vector<float> c(4, 7.0F);
    const attohm::MatrixView<const float> a_view(a.data(), 2, 3);
    const attohm::MatrixView<const float> b_view(b.data(), 2, 3, 4);
    const attohm::MatrixView<float> c_view(c.data(), 2, 2);
    attohm::sgemm_nt(a_view, b_view, c_view);
    CHECK(c == std::vector<float>{7, 5, 16, 11});
    attohm::sgemm_nt(2.0F, a_view, b_view, 1.0F, c_view);
    CHECK(c == std::vector<float>{21, 15, 48, 33});
    std::vector<float> d(6, 0.0F);
    const std::vector<float> e = {1, 2, 3, 4};
    attohm::sgemm_nn(attohm::MatrixView<const float>(e.data(), 2, 2), b_view,
                     attohm::MatrixView<float>(d.data(), 2, 3));
    CHECK(d == std::vector<float>{1, 2, 4, 3, 4, 10});
    CHECK_THROWS_AS(attohm::sgemm_nn(a_view, b_view, c_view), attohm::InvariantError);
    CHECK_FALSE(attohm::blas_core_type().empty());
}

TEST_CASE("a progress line has count, rate and remaining time", "[unit]") {
    CHECK(attohm::progress_line("run", "samples", 0, 40, 0.0) == "run: 0/40 samples");
    CHECK(attohm::progress_line("run", "samples", 10, 40, 5.0) ==
          "run: 10/40 samples, 2/s, 15 s left");
    CHECK(attohm::progress_line("run", "heads", 1, 4000, 1.0) ==
          "run: 1/4000 heads, 1/s, 1 h 06 min left");
    CHECK(attohm::progress_line("run", "heads", 1, 100, 1.0) ==
          "run: 1/100 heads, 1/s, 1 min 39 s left");
}
