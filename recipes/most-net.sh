#!/usr/bin/env bash
# The commands that made weights/most-net.safetensors, in their order.
#
# Run it in a folder that holds the data, with REPOSITORY naming a clone of this repository and its history. It comes
# close to the bundled file, not bit for bit: processors round differently, and the drawings were made by a draft of
# `prepare`, whose drawings differ from today's by 1 to 2 grey levels in the mean. Figures are in weights/most-net.md,
# what each stage was worth in docs/log.md.
#
# Time: five hours on two cores of Zen 3, always beside other work, in float32.
set -euo pipefail

repository=${REPOSITORY:-.}
# An environment of its own with mediapipe==0.10.21, for face meshes and masks.
mediapipe=${MEDIAPIPE_PYTHON:-mediapipe/bin/python}
# CUFSF at full size: 164 subjects of the published training split, and 341 of the test split.
cufsf_train=${CUFSF_TRAIN:-cufsf-train}
cufsf_more=${CUFSF_MORE:-cufsf-more}
# The CUHK part of CUFS's training half as scanned, 88 pairs.
cuhk=${CUHK:-cuhk}
# The published training split of FS2K, 1,057 pairs: folders style0, style1 and style2.
fs2k=${FS2K:-fs2k}
# The photos alone of that split, to cut backgrounds from.
fs2k_photos=${FS2K_PHOTOS:-fs2k-photos}
# The convolutions of the original VGG-16 up to conv4_3, in torchvision's names. It stands in for VGG-19.
vgg=${VGG:-vgg16-to-pool4.safetensors}

# --- 1. Face meshes, masks of the person, backgrounds without people ------------------------------------------------
for set in "$cufsf_train" "$cufsf_more" "$cuhk"; do
  "$mediapipe" "$repository/examples/face_landmarks.py" "$set"
done
for set in "$cufsf_train" "$cufsf_more" "$cuhk" "$fs2k"; do
  "$mediapipe" "$repository/examples/person_masks.py" masks "$set"
done
"$mediapipe" "$repository/examples/person_masks.py" backgrounds "$fs2k_photos" fs2k-backgrounds

# --- 2. Pairs at 400 x 500 ------------------------------------------------------------------------------------------
# Scans are bent onto their photos. FS2K's drawings have the size of their photos, and are moved as these are.
for set in "$cufsf_train" "$cufsf_more" "$cuhk"; do
  most-sketch prepare "$set" pairs/pencil --scale 2 --fit
done
most-sketch prepare "$fs2k/style0" pairs/outline --scale 2
most-sketch prepare "$fs2k/style1" pairs/ink --scale 2
most-sketch prepare "$fs2k/style2" pairs/graphite --scale 2
data=(--data pencil=pairs/pencil --data outline=pairs/outline --data ink=pairs/ink --data graphite=pairs/graphite
  --backgrounds fs2k-backgrounds)

# --- 3. Begin with what draws already at 200 x 250 ------------------------------------------------------------------
# The most-net before this one; its card in the same commit has the commands that made it.
git -C "$repository" show 3f3f4c3:weights/most-net.safetensors > most-net-200x250.safetensors
python "$repository/examples/twice_the_frame.py" most-net-200x250.safetensors "${data[@]}" --steps 300 -o runs/twice

# --- 4. Four styles together: squares to begin with, whole pictures for strokes in the hair -------------------------
# FS2K's drawings have half the detail of the frame: they are compared at half the size (reduce). pencil has three
# turns for each of the others' (shares).
train() {
  most-sketch train "${data[@]}" --perceptual "$vgg" --set discriminator_channels=32 --set "reduce=[1,2,2,2]" \
    --set "shares=[3]" --set rotate=4 --set shadow=0.3 --set blur=0.15 --set noise=0.2 --set jpeg=0.2 \
    --set tone=0.25 "$@"
}
first=(--set zoom=0.12 --set matte=40 --set background=0.5)
# Stopped at about step 1,020 while its rates were constant, and once resumed.
train "${first[@]}" --out runs/large1 --init runs/twice --steps 1020 --batch-size 2 --set crop=256 \
  --set perceptual_crop=144 --set adversarial=4 --set cross_style=0.2 --set decay_from=1
# Cut from 880 steps at step 70, while its rates were constant.
train "${first[@]}" --out runs/large2 --init runs/large1 --steps 600 --batch-size 1 --set perceptual_crop=192 \
  --set adversarial=6 --set style=120 --set content=45 --set decay_from=0.3

# --- 5. Better masks, photos that end before the frame, three times the weight on the matte -------------------------
second=(--set zoom=0.15 --set border=0.2 --set adversarial=6 --set style=120 --set content=45
  --set generator_rate=0.0003)
# large3 learnt from masks that went on above a photo's border and held the people behind. They were made anew after it.
train "${second[@]}" --out runs/large3 --init runs/large2 --steps 240 --batch-size 2 --set crop=256 \
  --set perceptual_crop=160 --set cross_style=0.2 --set background=0.7 --set decay_from=1 --set matte=40 --set border=0
train "${second[@]}" --out runs/large4 --init runs/large3 --steps 505 --batch-size 2 --set crop=256 \
  --set perceptual_crop=160 --set cross_style=0.2 --set background=0.7 --set decay_from=1 --set matte=120
train "${second[@]}" --out runs/large5 --init runs/large4 --steps 900 --batch-size 1 --set perceptual_crop=208 \
  --set background=0.6 --set decay_from=0.4 --set matte=120
train "${second[@]}" --out runs/large6 --init runs/large5 --steps 600 --batch-size 1 --set perceptual_crop=208 \
  --set background=0.6 --set decay_from=0.3 --set matte=120
# The mean gives large6 its FSIM and SSIM back at the same LPIPS.
most-sketch weights average runs/large5 runs/large6 runs/large6 runs/large6 -o most-net.safetensors
