/** Plans the file operations of a restore before anything is changed. */
import type { Copy, RestorePlan, PlanOptions } from "./restore-plan.ts";
import path from "node:path";
import { lstatSync, readdirSync } from "node:fs";
import type { BytePath } from "../../../archive/entry.ts";
import { basename, display, fromString, isBelow, join, toBuffer } from "../../../archive/path.ts";
import { HoldfastError } from "../../../errors.ts";
import { placesOf, type PlaceAttributes } from "../../../store/run/places.ts";
import { placesWith } from "../../runs/borrowed-units.ts";
import { mergeInfra } from "./merge-infra.ts";
import { labelOf, looseNames, type ArchivePart, type RestoreItems } from "../../runs/unit-items.ts";
import { TargetPaths } from "./paths/target.ts";
import { keptPaths } from "./paths/kept.ts";
import type { Replace } from "../../journals/operations.ts";
import type { PathLocation } from "./paths/locate.ts";
import { takesInfra } from "./paths/outside.ts";
import { ownerMap } from "./owner-map.ts";
import type { RestoreRequest } from "./request.ts";
import { scratchBase, sidecarRemovals } from "./sidecars.ts";
import { SwapPlan } from "./swap-plan.ts";
import { pathExists } from "../../../archive/tree/path-exists.ts";

/**
 * Plans a restore. Throws `E_TARGET` for a path that cannot be restored, `E_VERIFY` if the run's documents are
 * incomplete.
 */
export function planRestore(run: string, request: RestoreRequest, options: PlanOptions): RestorePlan {
  const builder = new Builder(run, request, options);
  return builder.plan();
}

class Builder {
  readonly #run: string;
  readonly #request: RestoreRequest;
  readonly #options: PlanOptions;
  readonly #items: RestoreItems;
  readonly #paths: TargetPaths;
  readonly #destinations: BytePath[] = [];
  /** Destinations that are files by themselves, and may be links. */
  readonly #entries = new Set<BytePath>();
  /** Work that waits until all destinations are known. */
  readonly #later: ((targets: SwapPlan) => void)[] = [];
  readonly #unpacks: RestorePlan["unpacks"][number][] = [];
  readonly #moves: RestorePlan["moves"][number][] = [];
  readonly #copies: Copy[] = [];
  readonly #directories: BytePath[] = [];
  readonly #times: RestorePlan["directoryTimes"][number][] = [];
  readonly #sqlite: RestorePlan["sqlite"][number][] = [];
  readonly #byHand: string[] = [];
  #bytes = 0;
  #scratch = 0;

  constructor(run: string, request: RestoreRequest, options: PlanOptions) {
    this.#run = run;
    this.#request = request;
    this.#options = options;
    this.#items = options.items;
    this.#paths = new TargetPaths(request.target);
  }

  plan(): RestorePlan {
    const { pathLocation, id } = this.#options;
    if (pathLocation === undefined) this.#planItems();
    else this.#planLocated(pathLocation);
    const places = placesWith(this.#run, this.#options.units);
    if (pathLocation === undefined && this.#isWhole()) this.#planContainers(places.places);
    if (this.#request.target.kind === "directory") this.#assertNotTaken();
    const targets = new SwapPlan(id, this.#paths.root, this.#destinations, this.#entries, this.#kept(places.places));
    for (const work of this.#later) work(targets);
    const owners = ownerMap(this.#request.owners, places.owners);
    return {
      directory: this.#run,
      root: this.#paths.root,
      items: this.#items,
      targets,
      owners,
      unpacks: this.#unpacks,
      moves: this.#moves,
      copies: this.#copies,
      directories: this.#directories,
      directoryTimes: this.#times,
      attributes: this.#attributes(targets, places.places),
      operations: this.#operations(targets),
      bytes: this.#bytes,
      byHand: this.#byHand,
      left: this.#left(targets),
      sqlite: this.#sqlite,
    };
  }

  #planItems(): void {
    for (const tree of this.#items.trees) {
      for (const part of tree.parts) this.#planPart(part, tree.label, tree.bytes);
      this.#bytes += tree.bytes;
      const { directoryTimes } = tree;
      if (directoryTimes === undefined) continue;
      const root = this.#paths.target(directoryTimes.place);
      this.#later.push((targets) => this.#times.push({ list: directoryTimes.list, root: targets.staged(root) }));
    }
    for (const { artifact, place, bytes } of this.#items.files)
      this.#planCopy(artifact, this.#paths.target(place), bytes);
    for (const database of this.#items.databases) {
      if (this.#options.loaded.has(database.unit)) continue;
      const { artifact, place, unit } = database;
      const live = place === undefined ? this.#paths.extra(artifact) : this.#paths.target(place);
      this.#planCopy(artifact, live, database.record.database_size);
      if (place !== undefined)
        this.#later.push((targets) => this.#sqlite.push({ unit, artifact, live, staged: targets.staged(live) }));
    }
    this.#planInfra();
    for (const { label, artifact } of this.#items.loose) {
      if (this.#request.target.kind === "directory") this.#planCopy(artifact, this.#paths.extra(artifact), 0);
      else
        this.#byHand.push(
          label.startsWith("portable/")
            ? `${label}: unpack ${path.join(this.#run, artifact)} and import it with npx tsx scripts/portable.ts import`
            : `${label}: was made by the site's own export command; import ${path.join(this.#run, artifact)}`,
        );
    }
  }

  #isWhole(): boolean {
    const { steps, units, media } = this.#request;
    return steps.length === 0 && units.length === 0 && media;
  }

  #planContainers(places: readonly PlaceAttributes[]): void {
    for (const place of places.filter(({ make }) => make === true)) {
      const absolute = this.#paths.target(place);
      if (pathExists(absolute)) continue;
      this.#destinations.push(absolute);
      this.#later.push((targets) => this.#directories.push(targets.staged(absolute)));
    }
  }

  #planPart(part: ArchivePart, label: string, bytes: number): void {
    const into: ((targets: SwapPlan) => { prefix: BytePath; into: BytePath })[] = [];
    for (const { prefix, place } of part.targets) {
      const absolute = this.#paths.target(place);
      if (place.loose === true && pathExists(absolute)) {
        // Only the files themselves are replaced: the directory holds the projects too.
        const names = looseNames(path.join(this.#run, part.artifact));
        const scratch = this.#scratch++;
        for (const name of names) {
          this.#destinations.push(join(absolute, name));
          this.#entries.add(join(absolute, name));
        }
        into.push((targets) => {
          const aside = join(scratchBase(targets), `files-${scratch}`);
          for (const name of names)
            this.#moves.push({ from: join(aside, name), to: targets.staged(join(absolute, name)) });
          return { prefix, into: aside };
        });
      } else {
        this.#destinations.push(absolute);
        into.push((targets) => ({ prefix, into: targets.staged(absolute) }));
      }
    }
    this.#later.push((targets) => this.#unpacks.push({ part, label, bytes, targets: into.map((one) => one(targets)) }));
  }

  #planCopy(artifact: string, to: BytePath, bytes: number): void {
    this.#destinations.push(to);
    this.#bytes += bytes;
    this.#later.push((targets) => this.#copies.push({ artifact, to: targets.staged(to) }));
  }

  #planInfra(): void {
    const { target } = this.#request;
    if (target.kind === "directory") {
      for (const { artifact } of this.#items.infra) this.#planCopy(artifact, this.#paths.extra(artifact), 0);
      return;
    }
    const { root } = target.config;
    const isTaken = takesInfra(target.config);
    const { writes, byHand, kept } = mergeInfra(this.#run, this.#items.infra, {
      absolute: (place) => path.resolve(root, place),
      isTaken: (file) => isTaken(fromString(file)),
    });
    this.#byHand.push(...byHand);
    for (const { file, copy } of kept)
      this.#later.push((targets) => {
        const stays = targets.keeps(targets.real(fromString(file)));
        const fate = stays ? "was kept" : "is in a restored tree";
        this.#byHand.push(`${file}: ${fate}; compare it with ${copy}, which has no secrets`);
      });
    for (const { file, text, like } of writes) {
      const to = fromString(file);
      this.#destinations.push(to);
      this.#later.push((targets) => this.#copies.push({ to: targets.staged(to), text, like }));
    }
  }

  /** Plans one swap for all of it: the file, or the directory with the parts of several units. */
  #planLocated({ place, parts, copies }: PathLocation): void {
    const whole = this.#paths.target(place);
    this.#destinations.push(whole);
    if (parts.some(({ alone }) => alone)) this.#entries.add(whole);
    this.#bytes += [...parts, ...copies].reduce((sum, { bytes }) => sum + bytes, 0);
    this.#later.push((targets) => {
      for (const { part, label, bytes, entry, at, alone } of parts) {
        const to = targets.staged(this.#paths.absolute(at));
        const aside = join(scratchBase(targets), "found");
        const into = alone ? { prefix: dirnameOf(entry), into: aside } : { prefix: entry, into: to };
        this.#unpacks.push({ part, label, bytes, targets: [into] });
        if (alone) this.#moves.push({ from: join(aside, basename(entry)), to });
      }
      for (const { artifact, at } of copies)
        this.#copies.push({ artifact, to: targets.staged(this.#paths.absolute(at)) });
    });
  }

  #kept(places: readonly PlaceAttributes[]): BytePath[] {
    if (this.#request.target.kind === "directory") return [];
    const containers = places.filter(({ make }) => make === true).map((place) => this.#paths.absolute(place));
    const kept = keptPaths(this.#run, { ...this.#options, absolute: (place) => this.#paths.absolute(place) });
    return [...kept, ...containers];
  }

  #left(targets: SwapPlan): string[] {
    const absent = this.#request.target.kind === "directory" ? [] : (this.#options.absent ?? []);
    return absent
      .filter((unit) => {
        const places = placesOf(unit).map((place) => targets.real(this.#paths.absolute(place)));
        return places.length > 0 && places.every((place) => pathExists(place) && targets.keeps(place));
      })
      .map(labelOf);
  }

  /** Throws for a directory that is not empty: restored files could not be distinguished from existing ones. */
  #assertNotTaken(): void {
    const taken = this.#destinations.find((one) => pathExists(one) && !(one === this.#paths.root && isEmpty(one)));
    if (taken !== undefined)
      throw new HoldfastError("E_TARGET", `${display(taken)} already exists`, {
        hint: "name an empty directory, or one that does not exist yet",
      });
  }

  /** Returns the attributes that the run recorded of directories, for those that this restore creates. */
  #attributes(targets: SwapPlan, places: readonly PlaceAttributes[]): RestorePlan["attributes"] {
    return places
      .map((attributes) => ({ attributes, absolute: targets.real(this.#paths.absolute(attributes)) }))
      .filter(({ absolute }) => targets.swaps.some(({ live }) => live === absolute || isBelow(absolute, live)))
      .toSorted((a, b) => b.absolute.split("/").length - a.absolute.split("/").length)
      .map(({ attributes, absolute }) => ({ to: targets.staged(absolute), attributes }));
  }

  #operations(targets: SwapPlan): Replace[] {
    const swaps = targets.swaps.map((swap): Replace => ({ kind: "replace", ...swap, carry: [...swap.carry] }));
    const files = [
      ...this.#items.files.map(({ place }) => this.#paths.absolute(place)),
      ...this.#sqlite.map(({ live }) => live),
    ];
    return [
      ...sidecarRemovals(
        targets,
        files.map((file) => targets.real(file)),
      ),
      ...swaps,
    ];
  }
}

function isEmpty(directory: BytePath): boolean {
  const stats = lstatSync(toBuffer(directory));
  return stats.isDirectory() && readdirSync(toBuffer(directory)).length === 0;
}

const dirnameOf = (entry: BytePath): BytePath => entry.slice(0, Math.max(0, entry.lastIndexOf("/")));
