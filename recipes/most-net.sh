#!/usr/bin/env bash
# The commands that made weights/most-net.safetensors, in their order.
#
# Run it in a folder that holds the data, with REPOSITORY naming a clone of this repository. It comes close to the
# bundled file, not bit for bit: processors round differently. Figures are in weights/most-net.md, what each stage was
# worth in docs/log.md.
#
# Time: three hours and a half on two cores of Zen 5, always beside other work, in bfloat16.
set -euo pipefail

repository=${REPOSITORY:-.}
# All sets have points of the face mesh (photo_points/, sketch_points/), which examples/face_landmarks.py makes, and
# masks of the person (masks/): RobustVideoMatting's and ISNet's together, with hair, hats and hands.
#
# CUFS's training half: folders ar and xm2vts at 200 x 250. CUHK's part of it as scanned, 88 pairs, in a folder cuhk.
cufs=${CUFS:-cufs}
cuhk=${CUHK:-cuhk}
# CUFSF at full size: 164 subjects of the published training split, and 341 of the test split.
cufsf_train=${CUFSF_TRAIN:-cufsf-train}
cufsf_more=${CUFSF_MORE:-cufsf-more}
# The published training split of FS2K, 1,057 pairs: folders style0, style1 and style2, and attributes.json.
fs2k=${FS2K:-fs2k}
# The convolutions of the original VGG-16 up to conv4_3, in torchvision's names. It stands in for VGG-19.
vgg=${VGG:-vgg16-to-pool4.safetensors}

# --- 1. Pairs at 400 x 500 ------------------------------------------------------------------------------------------
# Drawings are bent onto their photos. AR's and XM2VTS's are registered to what the network of CUFS draws, too.
for set in "$cufs/ar" "$cufs/xm2vts"; do
  most-sketch prepare "$set" pairs/pencil --scale 2 --fit --onto most-net-cufs
done
most-sketch prepare "$cuhk" pairs/pencil --scale 2 --fit
for set in "$cufsf_train" "$cufsf_more"; do
  most-sketch prepare "$set" pairs/charcoal --scale 2 --fit
done
most-sketch prepare "$fs2k/style0" pairs/outline --scale 2
most-sketch prepare "$fs2k/style1" pairs/ink --scale 2
most-sketch prepare "$fs2k/style2" pairs/graphite --scale 2
# Captions and edges of scans that are left beyond the person.
python "$repository/recipes/clear_paper.py" pairs/pencil pairs/charcoal

# --- 2. Photos that no artist drew, in pencil -----------------------------------------------------------------------
# The artists of CUFS drew students and staff in studios. The network of CUFS draws the cut-out persons of FS2K well,
# at half the size: it shows pencil what other people look like.
python "$repository/recipes/drawn_pairs.py" most-net-cufs pairs/outline pairs/ink pairs/graphite \
  --attributes "$fs2k/attributes.json" -o pairs/pencil/wild

# --- 3. Backgrounds without people ----------------------------------------------------------------------------------
for style in 0 1 2; do
  python "$repository/examples/person_masks.py" backgrounds "$fs2k/style$style/photos" "backgrounds/$style" \
    --masks "$fs2k/style$style/masks"
done

# --- 4. Begin with all that the network of CUFS has learnt ----------------------------------------------------------
python "$repository/recipes/begin_most_net.py" most-net-cufs --photos "$cufs/ar/photos" -o runs/begin

# --- 5. Five styles together ----------------------------------------------------------------------------------------
# coarse, reduce: drawings of 200 x 250 are compared at half the size. shares: pencil has four turns, charcoal two.
train() {
  most-sketch train --data pencil=pairs/pencil --data charcoal=pairs/charcoal --data outline=pairs/outline \
    --data ink=pairs/ink --data graphite=pairs/graphite --backgrounds backgrounds --perceptual "$vgg" \
    --precision bf16 --batch-size 2 --set channels=192 --set stem_channels=32 --set stem_stride=2 \
    --set feature_stride=8 --set output_channels=1 --set context_blocks=2 --set injection_channels=64 \
    --set decoder_blocks=1 --set detail_channels=16 --set style_offsets=true --set matting=true \
    --set muon=true --set "betas=[0.9,0.999]" --set discriminator_channels=32 --set "reduce=[1,1,2,2,2]" \
    --set "coarse=[\"wild=2\",\"ar=2\",\"xm2vts=2\"]" --set "drawn_by_network=[\"wild\"]" --set "shares=[4,2,1,1,1]" \
    --set style=120 --set content=40 --set structure=60 --set generator_rate=0.0003 \
    --set discriminator_rate=0.00015 --set rotate=5 --set shadow=0.3 --set blur=0.15 --set noise=0.2 --set jpeg=0.2 \
    --set tone=0.25 --set border=0.2 --set cross_style=0.2 "$@"
}
constant=(--set crop=320 --set perceptual_crop=208 --set adversarial=4 --set ema_decay=0.995 --set decay_from=1
  --set "repeats=[\"cuhk=4\"]" --set background=0.6 --steps 100000)
# Each was stopped while its rates were constant: p1 at step 140 (with the first 115 pairs of charcoal, by name, that
# were ready then), p2 at step 410, p3 at step 460.
train "${constant[@]}" --out runs/p1 --init runs/begin --set zoom=0.15 --set matte=60
train "${constant[@]}" --out runs/p2 --init runs/p1 --set zoom=0.15 --set matte=60
train "${constant[@]}" --out runs/p3 --init runs/p2 --set zoom=0.2 --set matte=150 --seed 3
# Rates fall; more weight on the matte, less on the discriminator, and CUHK's 79 pairs half as often. Stopped at step 470.
falling=(--set crop=336 --set perceptual_crop=224 --set adversarial=3 --set ema_decay=0.99 --set "repeats=[\"cuhk=2\"]"
  --set background=0.7 --set zoom=0.2 --set matte=300)
train "${falling[@]}" --out runs/p4 --init runs/p3 --steps 1350 --set decay_from=0.1 --seed 4
# Until here a photo drawn in another style than its pair's was compared at the size of its own: the discriminator never
# saw strokes of full size in pencil on FS2K's photos, and waves of two pixels grew there.
train "${falling[@]}" --out runs/p5 --init runs/p4 --steps 900 --set decay_from=0 --set cross_style=0.35 \
  --set checkerboard=300 --set generator_rate=0.00022 --set discriminator_rate=0.00011 --seed 5

# --- 6. Faster, and more like the person ----------------------------------------------------------------------------
# FS2K's styles have as many turns as charcoal from here on. p6 was one of four runs that showed what cross_style is
# worth, of 200 steps at constant rates.
later=(--set crop=320 --set perceptual_crop=208 --set adversarial=3 --set "repeats=[\"cuhk=2\"]" --set background=0.7
  --set matte=300 --set cross_style=0.35 --set checkerboard=300 --set "shares=[4,2,2,2,2]")
train "${later[@]}" --out runs/p6 --init runs/p5 --steps 200 --set decay_from=1 --set ema_decay=0.98 --set zoom=0.2 \
  --set generator_rate=0.00022 --set discriminator_rate=0.00011 --seed 10
python "$repository/recipes/narrow_most_net.py" runs/p6/weights.safetensors -o runs/narrow
later+=(--set modulation_kernel=1 --set matte_context=3 --set ema_decay=0.99 --set zoom=0.25)
# Stopped at step 300, and then at step 800.
train "${later[@]}" --out runs/q1 --init runs/narrow --steps 100000 --set decay_from=1 --set likeness=80 \
  --set "likeness_styles=[1,0.3]" --seed 21
cp -r runs/q1 runs/q1-300
most-sketch train --out runs/q1 --resume
train "${later[@]}" --out runs/q2 --init runs/q1 --steps 1500 --set decay_from=0.15 --set likeness=110 \
  --set "likeness_styles=[1,0.35]" --seed 22
# Looked at closely, sketches had a mesh again; small photos had mouths that were lost.
last=(--set likeness=110 --set "likeness_styles=[1,0.35]" --set decay_from=0.1 --set ema_decay=0.98 --set stripes=1000)
train "${later[@]}" "${last[@]}" --out runs/q3 --init runs/q2 --steps 250 --set generator_rate=0.00012 \
  --set discriminator_rate=0.00006 --seed 23
train "${later[@]}" "${last[@]}" --out runs/q4 --init runs/q3 --steps 220 --set generator_rate=0.00015 \
  --set discriminator_rate=0.00008 --set enlarged=0.25 --seed 24

# --- 7. The matte alone ---------------------------------------------------------------------------------------------
# On an encoder that has not seen the masks as often. On q2's, which knows the training photos' persons by then, twice as
# much of what is around 20 other portraits took for the person. The bundled one had 1,000 steps without whole photos,
# 900 with them, and 450 with photos that were enlarged, in three runs.
python "$repository/recipes/train_matte.py" runs/q1-300 --into runs/q4 --steps 2350 --backgrounds backgrounds \
  --data pairs/pencil pairs/charcoal pairs/outline pairs/ink pairs/graphite \
  --whole "$cufsf_train" "$cufsf_more" "$cuhk" -o runs/matte
cp runs/matte/weights.safetensors most-net.safetensors
