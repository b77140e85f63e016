/* Guided categorical draws: rows of logits are read once, where the network left them.
 *
 * A row is z = c + w (c - u) in float32, made and summed tile by tile while it is read, so that the arithmetic hides
 * behind the memory: each tile is the float64 sum of exp(z - top), for the largest z met so far, and is rescaled once
 * the largest of all is known. The tile, then the token in it (made again), is the first whose cumulative weight
 * exceeds the share `uniform` of the total, so a token of weight zero is never drawn.
 *
 * Loops over a tile are plain C with a length that is a multiple of LANES; the pragmas only allow that sums be
 * reordered, which makes them vectors on any machine. Nothing may be compiled with -ffast-math: NaN and infinity mean
 * something here. They spread into the total, and a row whose total is not positive and finite is not served.
 */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALWAYS inline __attribute__((always_inline))

enum { TILE = 256, LANES = 16 };
enum { SPAN = 4 * TILE }; /* columns between two looks at what is the largest so far, where no tile is found again */
enum { FLOAT32, BFLOAT16, FLOAT16 };
enum { LOG_PROB, LOG_Z, LOG_COND, LOG_REF, LOG_TILTED, LOG_MAX, ENTROPY, MARGIN };

/* Rows of logits: the kind of number, rows and their distance in entries, and which of them are asked for. */
struct rows {
    const char *values;
    const int64_t *index;
    int64_t kind, count, stride;
};

struct workspace {
    double *sums;             /* weight of each tile */
    float *refs, *tops;       /* what was taken off z in each tile, and the largest z in it */
    unsigned char *forbidden; /* one byte a column; columns that only fill up the last tile count as forbidden */
    unsigned char *touched;   /* whether a tile has forbidden columns */
};

struct task {
    struct rows cond, ref;
    int64_t vocab, n_forbidden, count;
    const double *weight, *uniforms;
    const int64_t *forbidden;
    double temperature;
    int64_t partition, spread;
    int64_t *token;
    unsigned char *served;
    double *found; /* eight columns of `count` if partition or spread, else one; NULL if only tokens are wanted */
};

/* Draws whose tokens go to their places in a batch: `token` of `rows` has `places` entries, `place` says which. */
struct land_task {
    struct task rows;
    const int64_t *place;
    int64_t places;
};

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static uint32_t to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static float from_half(uint32_t half) {
    uint32_t size = half & 0x7FFF;
    /* An exponent of five bits put where eight are belongs 112 higher, unless it means infinity or NaN. */
    uint32_t bits = to_bits(from_bits(size << 13) * 0x1p112f) | (size >= 0x7C00 ? 0x7F800000u : 0u);
    return from_bits(bits | (half & 0x8000) << 16);
}

static float entry(const struct rows *rows, int64_t row, int64_t column) {
    int64_t at = row * rows->stride + column;
    if (rows->kind == FLOAT32) return ((const float *)rows->values)[at];
    uint32_t half = ((const uint16_t *)rows->values)[at];
    return rows->kind == BFLOAT16 ? from_bits(half << 16) : from_half(half);
}

/* 2^40 exp(x) for x <= 0, to 2 ulp. The factor keeps clear of denormal numbers, down to where float32 ends. */
static ALWAYS float scaled_exp(float x) {
    const float magic = 12582912.0f + 127.0f + 40.0f; /* 1.5 * 2^23 rounds to integers: the low bits are an exponent */
    float shifted = x * 1.44269504f + magic;
    float n = shifted - magic;
    float r = x - n * 0.693359375f;
    r -= n * -2.12194440e-4f;
    float p = 0.00138145f;
    p = p * r + 0.00836875f;
    p = p * r + 0.04166839f;
    p = p * r + 0.1666652f;
    p = p * r + 0.49999993f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return p * from_bits(to_bits(shifted) << 23);
}

#define UNSCALE 0x1p-40
#define LOWEST_POWER (-125.0f) /* of 2, clear of denormal numbers */
#define FAR 20.0f              /* e^20 of them can still be added in float32 */
#define LOG2E 1.44269504f
#define LOWEST (-103.97208f) /* log of half the least positive float32 */

static ALWAYS float weight_of(float x) {
    float e = scaled_exp(x);
    return x < LOWEST ? 0.0f : e; /* further down `e` means nothing; NaN stays NaN */
}

/* 2^r for r from -1/2 to 1/2, to 3e-7. */
static ALWAYS float fraction_of_power(float r) {
    float p = 0.00132764668f;
    p = p * r + 0.00967554129f;
    p = p * r + 0.0555071329f;
    p = p * r + 0.240221197f;
    p = p * r + 0.693146967f;
    p = p * r + 1.00000007f;
    return p;
}

/* 2^40 2^(x rate) for x rate <= 0; to 3e-7; see `scaled_exp`. */
static ALWAYS float weight_of_power(float x, float rate) {
    const float magic = 12582912.0f + 127.0f + 40.0f;
    float shifted = x * rate + magic;
    float r = x * rate - (shifted - magic);
    float e = fraction_of_power(r) * from_bits(to_bits(shifted) << 23);
    return x < -150.0f / rate ? 0.0f : e;
}

static ALWAYS float largest(const float *x, int m) {
    float top = -INFINITY;
#pragma omp simd reduction(max : top)
    for (int i = 0; i < m; i++) top = x[i] > top ? x[i] : top;
    return top;
}

/* In a loop of its own, which reads float32 as float64: that is quicker than to convert what is in registers. */
static ALWAYS double sum_of(const float *e, int m) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < m; i++) sum += e[i];
    return sum;
}

static ALWAYS double sum_exp(const float *x, int m, float top, float rate) {
    float e[TILE];
    for (int i = 0; i < m; i++) e[i] = weight_of((x[i] - top) * rate);
    return sum_of(e, m);
}

/* Sums of e = 2^40 exp(x) and of e x for x = z - top, where `top` is the largest z so far; finite, so that x is. */
struct running {
    float top;
    double sum, mean;
};

static const struct running NOTHING = {-FLT_MAX, 0, 0};

static void raise_to(struct running *law, float top) {
    if (!(top > law->top)) return;
    const double shift = (double)law->top - top, factor = law->sum > 0 ? exp(shift) : 0; /* exp(-huge) is slow */
    law->mean = factor * (law->mean + shift * law->sum);
    law->sum *= factor;
    law->top = top;
}

static void add(struct running *law, const float *x, int m) {
    raise_to(law, largest(x, m));
    law->sum += sum_exp(x, m, law->top, 1.0f);
}

static double log_sum(const struct running *law) { return law->top + log(law->sum * UNSCALE); }

/* Largest and second largest z of a row. */
struct leaders {
    float first, second;
};

/* Only a tile whose largest is above the second largest so far has a say, and soon that is rare. */
static void contend(struct leaders *leaders, const float *z, int m, float top) {
    if (!(top > leaders->second)) return;
    float second = -INFINITY;
    int ties = 0;
#pragma omp simd reduction(max : second) reduction(+ : ties)
    for (int i = 0; i < m; i++) {
        float below = z[i] < top ? z[i] : -INFINITY;
        second = below > second ? below : second;
        ties += z[i] == top;
    }
    if (ties > 1) second = top;
    if (top > leaders->first) {
        leaders->second = second > leaders->first ? second : leaders->first;
        leaders->first = top;
    } else {
        leaders->second = top;
    }
}

static double add_spread(struct running *law, const float *z, int m) {
    const float top = law->top;
    float e[TILE], mean = 0; /* of 256 terms, of one sign: float32 will do */
#pragma omp simd reduction(+ : mean)
    for (int i = 0; i < m; i++) {
        float x = z[i] - top, near = x < LOWEST ? LOWEST : x;
        e[i] = x < LOWEST ? 0.0f : scaled_exp(near);
        mean += e[i] * near;
    }
    const double sum = sum_of(e, m);
    law->sum += sum;
    law->mean += mean;
    return sum;
}

/* A tile of a row in float32: where it is, if it can be used as it is, else a copy with 0 for what is forbidden. */
static const float *load(const struct rows *rows, int64_t row, int64_t column, int n, int m, const unsigned char *mask,
                         float *copy) {
    int64_t at = row * rows->stride + column;
    if (rows->kind == FLOAT32) {
        const float *values = (const float *)rows->values + at;
        if (!mask) return values;
        memcpy(copy, values, n * sizeof(float));
    } else {
        const uint16_t *values = (const uint16_t *)rows->values + at;
        if (rows->kind == BFLOAT16)
            for (int i = 0; i < n; i++) copy[i] = from_bits((uint32_t)values[i] << 16);
        else
            for (int i = 0; i < n; i++) copy[i] = from_half(values[i]);
    }
    if (mask)
        for (int i = 0; i < m; i++) copy[i] = mask[i] ? 0.0f : copy[i];
    return copy;
}

static void forbid(float *values, const unsigned char *mask, int m) {
    for (int i = 0; i < m; i++) values[i] = mask[i] ? -INFINITY : values[i];
}

/* A tile of z: its largest, and 0, or NaN if an entry of u is not finite. */
struct tile {
    float top, zero;
};

/* z = c + w (c - u), from whichever of the two it is nearer to. */
static struct tile tilt(float *restrict z, const float *restrict c, const float *restrict u, int m, float w,
                        float scale) {
    float zero = 0, top = -INFINITY;
    if (w < -0.5f) {
#pragma omp simd reduction(+ : zero) reduction(max : top)
        for (int i = 0; i < m; i++) {
            z[i] = u[i] + scale * (c[i] - u[i]);
            zero += u[i] * 0.0f;
            top = z[i] > top ? z[i] : top;
        }
    } else {
#pragma omp simd reduction(+ : zero) reduction(max : top)
        for (int i = 0; i < m; i++) {
            z[i] = c[i] + w * (c[i] - u[i]);
            zero += u[i] * 0.0f;
            top = z[i] > top ? z[i] : top;
        }
    }
    return (struct tile){top, zero};
}

/* Which rows of the two predictions a draw is from, and how they are tilted. */
struct pair {
    int64_t cond, ref;
    float w, scale; /* weight w, and 1 + w */
};

static int width(const struct task *task, int64_t t) {
    const int64_t left = task->vocab - t * TILE;
    return left < TILE ? (int)left : TILE;
}

static int padded(int n) { return (n + LANES - 1) / LANES * LANES; }

/* Makes tile t of z, and adds to the laws of c and u if they are not NULL. */
__attribute__((noinline)) static struct tile make(const struct task *task, const struct workspace *work,
                                                  const struct pair *pair, int64_t t, float *z, struct running *laws) {
    const int n = width(task, t), m = padded(n), guided = task->ref.values != NULL;
    const unsigned char *mask = work->touched[t] ? work->forbidden + t * TILE : NULL;
    float c_copy[TILE], u_copy[TILE];
    struct tile tile = {0, 0};
    const float *c = load(&task->cond, pair->cond, t * TILE, n, m, mask, c_copy);
    if (guided) {
        const float *u = load(&task->ref, pair->ref, t * TILE, n, m, mask, u_copy);
        tile = tilt(z, c, u, m, pair->w, pair->scale);
        if (laws) {
            if (mask) {
                forbid(c_copy, mask, m);
                forbid(u_copy, mask, m);
            }
            add(&laws[0], c, m);
            add(&laws[1], u, m);
        }
    } else {
        memcpy(z, c, m * sizeof(float));
    }
    if (mask) forbid(z, mask, m);
    if (mask || !guided) tile.top = largest(z, m);
    return tile;
}

/* First column whose cumulative weight exceeds `rest`; rounding can leave none, then the last of positive weight. */
static int first_above(const float *e, int m, double rest) {
    double cumulative = 0;
    int last = 0;
    for (int i = 0; i < m; i++) {
        cumulative += e[i];
        if (cumulative > rest) return i;
        if (e[i] > 0) last = i;
    }
    return last;
}

static int column_above(const float *z, int m, float top, float rate, double rest) {
    float e[TILE];
    for (int i = 0; i < m; i++) e[i] = weight_of((z[i] - top) * rate);
    return first_above(e, m, rest);
}

/* Brings the tiles to one scale, that of `top`. Returns their sum. */
static double settle(const struct workspace *work, int64_t tiles, float top, float rate) {
    double factor = 1, total = 0;
    float ref = top;
    for (int64_t t = 0; t < tiles; t++) {
        if (work->refs[t] != ref) {
            ref = work->refs[t];
            factor = exp(rate * ((double)ref - top));
        }
        work->sums[t] *= factor;
        total += work->sums[t];
    }
    return total;
}

/* The tile in which `target` lies, and the weight of those before it. */
static int64_t tile_above(const struct workspace *work, int64_t tiles, double target, double *before) {
    int64_t t = 0;
    *before = 0;
    while (t < tiles - 1 && *before + work->sums[t] <= target) *before += work->sums[t++];
    return t;
}

static double target_of(double uniform, double total) {
    const double below = nextafter(total, 0), share = uniform * total;
    return share < below ? share : below;
}

/* The token that `uniform` stands for; `z` holds the last tile before, and that of the token after. */
static int64_t choose(const struct task *task, const struct workspace *work, const struct pair *pair, int64_t tiles,
                      double uniform, double total, float top, float rate, float *z) {
    int64_t t = 0;
    double before = 0, target = 0;
    if (task->temperature == 0) {
        while (t < tiles - 1 && work->tops[t] != top) t++;
    } else {
        target = target_of(uniform, total);
        t = tile_above(work, tiles, target, &before);
    }
    if (t < tiles - 1) make(task, work, pair, t, z, NULL);
    int column = 0;
    if (task->temperature == 0) {
        while (column < TILE - 1 && z[column] != top) column++;
    } else {
        const double factor = work->refs[t] == top ? 1 : exp(rate * ((double)work->refs[t] - top));
        column = column_above(z, padded(width(task, t)), work->refs[t], rate, (target - before) / factor);
    }
    return t * TILE + column;
}

/* Draws from one row. Returns 1 if it did, 0 if the row is not for it, -1 if there is no such row. */
static int draw_row(const struct task *task, const struct workspace *work, int64_t number, int64_t *drawn) {
    const int guided = task->ref.values != NULL;
    const double weight = guided ? task->weight[number] : 0;
    const struct pair pair = {task->cond.index[number], guided ? task->ref.index[number] : 0, (float)weight,
                              (float)(1 + weight)};
    if (pair.cond < 0 || pair.cond >= task->cond.count) return -1;
    if (guided && (pair.ref < 0 || pair.ref >= task->ref.count)) return -1;
    const int cooled = task->temperature != 1 && task->temperature != 0;
    const double inverse = cooled ? 1 / task->temperature : 1;
    const float rate = inverse < FLT_MAX ? (float)inverse : FLT_MAX;
    const int64_t tiles = (task->vocab + TILE - 1) / TILE;

    float z[TILE], zero = 0;
    struct running laws[2] = {NOTHING, NOTHING}, law = NOTHING;
    struct leaders leaders = {-INFINITY, -INFINITY};
    for (int64_t t = 0; t < tiles; t++) {
        const int m = padded(width(task, t));
        const struct tile tile = make(task, work, &pair, t, z, task->partition ? laws : NULL);
        const float top = tile.top;
        zero += tile.zero;
        raise_to(&law, top);
        work->tops[t] = top;
        work->refs[t] = law.top;
        if (task->spread) {
            contend(&leaders, z, m, top);
            work->sums[t] = add_spread(&law, z, m);
        } else {
            work->sums[t] = sum_exp(z, m, law.top, 1.0f);
            law.sum += work->sums[t];
        }
        if (cooled) work->sums[t] = sum_exp(z, m, law.top, rate);
    }
    const float top = law.top;
    const double total = settle(work, tiles, top, rate);
    if (!(total > 0 && total < INFINITY && zero == 0)) return 0;
    const int64_t token = choose(task, work, &pair, tiles, task->uniforms[number], total, top, rate, z);
    *drawn = token;
    if (!task->found) return 1;

    double *found = task->found + number;
    const int64_t step = task->count;
    const double x = (double)z[token % TILE] - top, log_total = log(law.sum * UNSCALE);
    found[LOG_PROB] = task->temperature == 0 ? 0 : x * rate - log(total * UNSCALE);
    if (task->partition) {
        const double tilted = top + log_total, c_sum = guided ? log_sum(&laws[0]) : tilted;
        found[LOG_Z * step] = 0;
        found[LOG_COND * step] = entry(&task->cond, pair.cond, token) - c_sum;
        if (guided) {
            const double u_sum = log_sum(&laws[1]);
            found[LOG_Z * step] = tilted - (1 + weight) * c_sum + weight * u_sum;
            found[LOG_REF * step] = entry(&task->ref, pair.ref, token) - u_sum;
        }
    }
    if (task->spread) {
        found[LOG_TILTED * step] = x - log_total;
        found[LOG_MAX * step] = -log_total;
        found[ENTROPY * step] = log_total - law.mean / law.sum;
        found[MARGIN * step] = -expm1((double)leaders.second - leaders.first) / (law.sum * UNSCALE);
    }
    return 1;
}

/* Marks columns as forbidden. Returns 0, or -1 for one that there is not. */
static int mark(const struct task *task, const struct workspace *work, int64_t tiles) {
    const int64_t columns = tiles * TILE;
    /* Of a span without a tile that is touched no byte is read. */
    const int64_t start = task->n_forbidden ? 0 : (task->vocab - 1) / SPAN * SPAN;
    memset(work->touched, 0, tiles);
    memset(work->forbidden + start, 0, columns - start);
    memset(work->forbidden + task->vocab, 1, columns - task->vocab);
    work->touched[tiles - 1] = task->vocab < columns;
    for (int64_t i = 0; i < task->n_forbidden; i++) {
        const int64_t column = task->forbidden[i];
        if (column < 0 || column >= task->vocab) return -1;
        work->forbidden[column] = 1;
        work->touched[column / TILE] = 1;
    }
    return 0;
}

/* 2^40 exp(x), for the tests. */
void dguide_exp(const float *x, float *e, int64_t count) {
    for (int64_t i = 0; i < count; i++) e[i] = weight_of(x[i]);
}

/* Space to work in, with the forbidden columns marked; NULL in `sums` without memory, and `result` -1 or 0. */
static struct workspace workspace_of(const struct task *task, int64_t tiles, int *result) {
    struct workspace work = {0};
    work.sums = malloc(tiles * (sizeof(double) + 2 * sizeof(float) + 1 + TILE));
    if (!work.sums) {
        *result = -2;
        return work;
    }
    work.refs = (float *)(work.sums + tiles);
    work.tops = work.refs + tiles;
    work.touched = (unsigned char *)(work.tops + tiles);
    work.forbidden = work.touched + tiles;
    *result = mark(task, &work, tiles);
    return work;
}

/* Draws rows `start` to `stop`. Returns 0; -1 for a number out of range, -2 without memory: nothing is to be used. */
int dguide_draw(const struct task *task, int64_t start, int64_t stop) {
    int result;
    const struct workspace work = workspace_of(task, (task->vocab + TILE - 1) / TILE, &result);
    for (int64_t number = start; number < stop && !result; number++) {
        const int served = draw_row(task, &work, number, task->token + number);
        if (served < 0) result = served;
        else task->served[number] = (unsigned char)served;
    }
    free(work.sums);
    return result;
}

/* Draws rows `start` to `stop` to their places. Returns 0, or -1 if some were not served; -2 without memory and -3 for a
 * number out of range: nothing is to be used. */
int dguide_land(const struct land_task *asked, int64_t start, int64_t stop) {
    const struct task *task = &asked->rows;
    int result, left = 0;
    const struct workspace work = workspace_of(task, (task->vocab + TILE - 1) / TILE, &result);
    for (int64_t number = start; number < stop && !result; number++) {
        const int64_t place = asked->place[number];
        const int inside = place >= 0 && place < asked->places;
        const int served = inside ? draw_row(task, &work, number, task->token + place) : -1;
        task->served[number] = served > 0;
        left |= !served;
        if (served < 0) result = served;
    }
    free(work.sums);
    return result == -1 ? -3 : result ? result : -left;
}

/* log Z alone: of both laws and of the tilted one only the sums are needed, no tile of which has to be found again. */

/* 2^y for y up to 86, to 3e-7, and 2^-125 for all that is smaller; NaN stays NaN. */
static ALWAYS float power_of_two(float y) {
    const float magic = 12582912.0f + 127.0f; /* see `scaled_exp` */
    const float near = LOWEST_POWER > y ? LOWEST_POWER : y;
    const float shifted = near + magic, r = near - (shifted - magic);
    return fraction_of_power(r) * from_bits(to_bits(shifted) << 23);
}

/* The sum of exp(x - ref), and the largest x: c, u or z of a row. `ref` is the largest of what came before, while that is
 * not far below, so that one loop does all there is to do with a logit while the next ones arrive. */
struct summed {
    float ref, top;
    double sum;
};

static double log_of_sum(const struct summed *law) { return law->ref + log(law->sum); }

/* Puts `ref` where the largest of a span asks for it. Returns whether it has to be summed with that. */
static int catches_up(struct summed *law, float top) {
    law->top = top > law->top ? top : law->top;
    if (!(top - law->ref > FAR)) return 0;
    law->sum *= law->ref > -FLT_MAX ? exp((double)law->ref - top) : 0;
    law->ref = top;
    return 1;
}

/* A span of c, u and z: their sums in float32, since the error of so few terms of one sign is that of the terms. */
struct span {
    float sum[3], top[3], zero;
};

static ALWAYS struct span sum_span(const float *c, const float *u, const float *nearer, const unsigned char *mask, int m,
                                   float slope, const struct summed *laws) {
    const float c_ref = laws[0].ref, u_ref = laws[1].ref, z_ref = laws[2].ref;
    float c_sum = 0, u_sum = 0, z_sum = 0, c_top = -FLT_MAX, u_top = -FLT_MAX, z_top = -FLT_MAX, zero = 0;
#pragma omp simd reduction(+ : c_sum, u_sum, z_sum, zero) reduction(max : c_top, u_top, z_top)
    for (int i = 0; i < m; i++) {
        const float apart = c[i] - u[i], lost = mask && mask[i] ? -INFINITY : 0.0f;
        const float z = nearer[i] + slope * apart + lost, cond = c[i] + lost, ref = u[i] + lost;
        zero += u[i] - u[i];
        c_sum += power_of_two((cond - c_ref) * LOG2E);
        u_sum += power_of_two((ref - u_ref) * LOG2E);
        z_sum += power_of_two((z - z_ref) * LOG2E);
        c_top = cond > c_top ? cond : c_top;
        u_top = ref > u_top ? ref : u_top;
        z_top = z > z_top ? z : z_top;
    }
    return (struct span){{c_sum, u_sum, z_sum}, {c_top, u_top, z_top}, zero};
}

/* Returns 1 if the row is served, 0 if it is not for this, -1 if there is no such row. */
static int log_z_row(const struct task *task, const struct workspace *work, int64_t number) {
    const double weight = task->weight[number];
    const int64_t c_row = task->cond.index[number], u_row = task->ref.index[number];
    if (c_row < 0 || c_row >= task->cond.count || u_row < 0 || u_row >= task->ref.count) return -1;
    const int near_u = weight < -0.5;
    const float slope = (float)(near_u ? 1 + weight : weight);
    float c_copy[SPAN], u_copy[SPAN], zero = 0;
    struct summed laws[3] = {{-FLT_MAX, -FLT_MAX, 0}, {-FLT_MAX, -FLT_MAX, 0}, {-FLT_MAX, -FLT_MAX, 0}};
    for (int64_t column = 0; column < task->vocab; column += SPAN) {
        const int n = task->vocab - column < SPAN ? (int)(task->vocab - column) : SPAN, m = padded(n);
        int odd = 0;
        for (int64_t t = column / TILE; t * TILE < column + n; t++) odd |= work->touched[t];
        const unsigned char *mask = odd ? work->forbidden + column : NULL;
        const float *c = load(&task->cond, c_row, column, n, m, mask, c_copy);
        const float *u = load(&task->ref, u_row, column, n, m, mask, u_copy);
        const float *nearer = near_u ? u : c;
        struct span span;
        if (!column) { /* a few logits say where to begin */
            span = sum_span(c, u, nearer, mask, m < LANES ? m : LANES, slope, laws);
            for (int i = 0; i < 3; i++) laws[i].ref = span.top[i];
        }
        span = mask ? sum_span(c, u, nearer, mask, m, slope, laws) : sum_span(c, u, nearer, NULL, m, slope, laws);
        int late = 0;
        for (int i = 0; i < 3; i++) late |= catches_up(&laws[i], span.top[i]);
        if (late) span = sum_span(c, u, nearer, mask, m, slope, laws);
        for (int i = 0; i < 3; i++) laws[i].sum += span.sum[i];
        zero += span.zero;
    }
    task->found[number] =
        log_of_sum(&laws[2]) - (1 + weight) * log_of_sum(&laws[0]) + weight * log_of_sum(&laws[1]);
    int served = zero == 0 && isfinite(task->found[number]);
    for (int i = 0; i < 3; i++) served &= laws[i].top > -FLT_MAX;
    return served;
}

/* Of rows `start` to `stop` with a reference, log Z; returns what `dguide_draw` returns. */
int dguide_log_z(const struct task *task, int64_t start, int64_t stop) {
    int result;
    const struct workspace work = workspace_of(task, (task->vocab + TILE - 1) / TILE, &result);
    for (int64_t number = start; number < stop && !result; number++) {
        const int served = log_z_row(task, &work, number);
        if (served < 0) result = served;
        else task->served[number] = (unsigned char)served;
    }
    free(work.sums);
    return result;
}
