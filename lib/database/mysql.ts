export async function openMysql(): Promise<never> {
  throw new Error();
}
