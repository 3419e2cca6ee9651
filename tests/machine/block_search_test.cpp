#include <catch2/catch.hpp>

#include <limits>
#include <random>

#include "src/machine/plans/operator_plan.hpp"

using namespace attohm;

namespace {

/// Bits read by walking the loops block by block: one block of each operand is on chip.
/// Args: rows_outside: rows, columns, sum from outside to inside, else columns, rows, sum.
std::int64_t walk(const MatmulExtent& e, std::int64_t rows, std::int64_t columns,
                  std::int64_t depth, bool rows_outside) {
    std::int64_t bits = 0;
    std::int64_t held_a = -1, held_b = -1;
    const auto step = [&](std::int64_t r, std::int64_t c) {
        for (std::int64_t d = 0; d < e.k; d += depth) {
            const std::int64_t height = std::min(rows, e.m - r);
            const std::int64_t width = std::min(columns, e.n - c);
            const std::int64_t length = std::min(depth, e.k - d);
            if (held_a != r * e.k + d) bits += height * length * e.a_bits;
            if (held_b != c * e.k + d) bits += length * width * e.b_bits;
            held_a = r * e.k + d;
            held_b = c * e.k + d;
        }
    };
    if (rows_outside)
        for (std::int64_t r = 0; r < e.m; r += rows)
            for (std::int64_t c = 0; c < e.n; c += columns) step(r, c);
    else
        for (std::int64_t c = 0; c < e.n; c += columns)
            for (std::int64_t r = 0; r < e.m; r += rows) step(r, c);
    return bits;
}

/// The least over blocks of every size that fits; -1: none does.
std::int64_t least_reads(const MatmulExtent& e, std::int64_t room_bits, int slots) {
    std::int64_t least = -1;
    for (std::int64_t rows = 1; rows <= e.m; ++rows)
        for (std::int64_t columns = 1; columns <= e.n; ++columns)
            for (std::int64_t depth = 1; depth <= e.k; ++depth) {
                const std::int64_t held = rows * depth + depth * columns + rows * columns;
                if (held * e.element_bits * slots > room_bits) continue;
                for (const bool rows_outside : {true, false}) {
                    const std::int64_t bits = walk(e, rows, columns, depth, rows_outside);
                    if (least < 0 || bits < least) least = bits;
                }
            }
    return least;
}

}  // namespace

TEST_CASE("no blocks of any size read less than those that the unfused baseline takes",
          "[property]") {
    std::mt19937 random(7);
    const auto draw = [&](int low, int high) {
        return std::int64_t{low} + static_cast<std::int64_t>(random() % (high - low + 1));
    };
    int cut = 0;
    for (int trial = 0; trial < 400; ++trial) {
        const MatmulExtent e{
            draw(1, 17), draw(1, 17), draw(1, 12), draw(0, 2) * 8, draw(0, 2) * 8, 0, 8};
        const int slots = static_cast<int>(draw(1, 2));
        // From one element of each operand to everything at once.
        const std::int64_t all = (e.m * e.k + e.k * e.n + e.m * e.n) * 8 * slots;
        const std::int64_t room =
            draw(3 * 8 * slots, static_cast<int>(std::max<std::int64_t>(3 * 8 * slots, all)));
        const OperatorBlocks found = block_matmul(e, room, slots);
        INFO(e.m << " x " << e.n << " x " << e.k << " in " << room << " bits, " << slots
                 << " slots, a " << e.a_bits << " b " << e.b_bits);
        CHECK(found.read_bits == least_reads(e, room, slots));
        CHECK(found.held_bits <= room);
        cut += found.blocks > 1 ? 1 : 0;
    }
    CHECK(cut > 100);
}

TEST_CASE("attention's products on a small buffer are cut as the exhaustive search cuts them",
          "[property]") {
    // Scores and weighted sum of 48 tokens of width 8, 16 bits, doubly buffered.
    for (const MatmulExtent& e :
         {MatmulExtent{48, 48, 8, 16, 16, 0, 16}, MatmulExtent{48, 8, 48, 16, 16, 0, 16}})
        for (const std::int64_t elements : {24, 40, 100, 257, 600, 1300, 3000, 4000}) {
            const std::int64_t room = elements * 16 * 2;
            INFO(e.n << " columns, room for " << elements);
            CHECK(block_matmul(e, room, 2).read_bits == least_reads(e, room, 2));
        }
}

TEST_CASE("what does not fit at all passes element by element", "[unit]") {
    const MatmulExtent e{4, 5, 6, 8, 8, 0, 8};
    const OperatorBlocks none = block_matmul(e, 8, 2);
    CHECK(none.blocks == 4 * 5 * 6);
    // Either operand is read once per use, whatever the order.
    CHECK(none.read_bits == walk(e, 1, 1, 1, true));
}
