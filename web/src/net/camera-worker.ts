// Encodes JPEGs in a worker, because the page's thread is busy drawing.
const JPEG_QUALITY = 0.85;

const canvas = new OffscreenCanvas(1, 1);
// The pixels are read back at once, which would be slow from a graphics card.
const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true })!;

onmessage = async ({ data: picture }: MessageEvent<ImageBitmap>): Promise<void> => {
  const { width, height } = picture;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  context.drawImage(picture, 0, 0);
  picture.close();
  postMessage(await canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY }).catch(() => null));
};
