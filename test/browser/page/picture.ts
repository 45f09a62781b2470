// A picture whose upper half stands still, so that whoever decodes it can tell what should be there, and whose lower half moves, so that every
// frame differs from the one before it.

const width = 640;
const height = 480;
const squares = 8;

let source: CanvasRenderingContext2D | undefined;

export function picture(): MediaStream {
	const canvas = document.createElement('canvas');

	canvas.width = width;
	canvas.height = height;
	source = canvas.getContext('2d')!;

	let step = 0;

	draw(source, step);
	setInterval(() => draw(source!, ++step), 1000 / 30);

	return canvas.captureStream(30);
}

function draw(context: CanvasRenderingContext2D, step: number): void {
	for (let column = 0; column < squares; column++) {
		const light = 30 + (column * 200) / squares;

		context.fillStyle = `rgb(${light} ${255 - light} ${(light * 2) % 256})`;
		context.fillRect((column * width) / squares, 0, width / squares, height / 2);
	}
	context.fillStyle = 'black';
	context.fillRect(0, height / 2, width, height / 2);
	// Much that changes, so that a frame takes several packets.
	for (let bar = 0; bar < 40; bar++) {
		context.fillStyle = `hsl(${(step * 7 + bar * 31) % 360} 80% 50%)`;
		context.fillRect((step * (3 + (bar % 5)) * 4 + bar * 53) % width, height / 2 + (bar * height) / 80, 24, height / 80);
	}
}

/** Over the middles of the still squares, where encoding leaves colours as they are. */
export function pictureError(video: HTMLVideoElement | null): number {
	if (source === undefined || video === null || video.videoWidth === 0) {
		return -1;
	}

	const canvas = document.createElement('canvas');

	canvas.width = width;
	canvas.height = height;

	const decoded = canvas.getContext('2d')!;

	decoded.drawImage(video, 0, 0, width, height);

	let error = 0;

	for (let column = 0; column < squares; column++) {
		for (const row of [60, 120, 180]) {
			const x = ((column + 0.5) * width) / squares;
			const is = decoded.getImageData(x, row, 1, 1).data;
			const should = source.getImageData(x, row, 1, 1).data;

			error = Math.max(error, ...[0, 1, 2].map((channel) => Math.abs(is[channel]! - should[channel]!)));
		}
	}

	return error;
}
